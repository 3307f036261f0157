package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/jellyward/jellyward/internal/ops"
)

const (
	// healthTimeout is above the time that the program itself gives its checks.
	healthTimeout = ops.DefaultTimeout + 2*time.Second
	maxReport     = 64 << 10
)

type healthCommand struct{}

// Run asks the ops listener of the program that runs with the same settings.
func (healthCommand) Run(ctx context.Context, p Process, args *arguments) error {
	cfg, err := args.loadFor(p, "ops.listen")
	if err != nil {
		return err
	}
	if cfg.Ops.Listen == "" {
		return hinted{errors.New("ops.listen is empty, so there is nobody to ask"), "set it to 127.0.0.1:9097, for example"}
	}
	address := askable(cfg.Ops.Listen)
	report, err := askReady(ctx, address)
	if err != nil {
		return hinted{
			fmt.Errorf("ask %s whether jellyward is ready: %w", address, err),
			"see that jellyward runs, and with the same ops.listen (JELLYWARD_OPS_LISTEN)",
		}
	}
	var words []string
	for _, check := range report.Checks {
		words = append(words, check.Name+": "+check.Word)
	}
	if !report.Ready {
		return hinted{errors.New("not ready: " + strings.Join(words, ", ")), "its log says why; jellyward check looks closer"}
	}
	_, err = fmt.Fprintln(p.Stdout, "ready: "+strings.Join(words, ", "))
	return err
}

// askable turns an address to listen on into one to ask: who listens
// everywhere is asked on the loopback.
func askable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "" || (err == nil && addr.IsUnspecified() && addr.Is4()):
		host = "127.0.0.1"
	case err == nil && addr.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

func askReady(ctx context.Context, address string) (ops.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return ops.Report{}, err
	}
	// No proxy from the environment, and no connection that is kept.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return ops.Report{}, unwrapURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return ops.Report{}, fmt.Errorf("it answers %s, so it is not jellyward", resp.Status)
	}
	var report ops.Report
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxReport)).Decode(&report); err != nil {
		return ops.Report{}, errors.New("its answer is not jellyward's")
	}
	return report, nil
}

// unwrapURL takes the method and URL off an error of an HTTP client.
func unwrapURL(err error) error {
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		return urlErr.Err
	}
	return err
}
