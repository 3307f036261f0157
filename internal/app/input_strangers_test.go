package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/stage"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// TestStrangersLeaveNothingBehind tries names, codes, cookies and tokens that do
// not exist. Redis holds no more afterwards than that a network has failed.
func TestStrangersLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t)
	s := play(t, stage.Options{Redis: redis.URL, Logger: discard()})
	s.Jellyfin.AddUser("alice", "wonderland")
	before := redisKeys(t, redis.URL)
	addr := netip.MustParseAddr("192.0.2.9")
	for i := range 30 {
		nobody := (&person{name: fmt.Sprint("nobody ", i), password: "none"}).from(s, addr)
		for endpoint, key := range map[string]string{"authenticate": "Otp", "enroll": "Otp", "confirm": "Code"} {
			if status, a, _ := nobody.post(t, endpoint, nobody.fields(key, "123456")); status < 400 || status >= 500 {
				t.Errorf("%s as %s: %d %+v", endpoint, nobody.name, status, a)
			}
		}
		transport := through(s.Edge, addr)
		id := fmt.Sprintf("%032x", i)
		for _, request := range [][3]string{
			{"/web/", "Cookie", "__Host-jellyward=" + id + id[:11]},
			{"/sso/2fa", "Cookie", "__Host-jellyward=" + id + id[:11]},
			{"/Users/" + id, "Authorization", `MediaBrowser Token="` + id + `"`},
			{"/Videos/" + id + "/stream", "X-Emby-Token", id},
			{"/System/Info?ApiKey=" + id, "X-Test", "1"},
		} {
			visit(t, transport, http.MethodGet, request[0], nil, request[1], request[2])
		}
		visit(t, transport, http.MethodPost, "/sso/2fa/signout", nil, "Cookie", "__Host-jellyward="+id+id[:11])
		visit(t, transport, http.MethodPost, "/Sessions/Logout", nil, "Authorization", `MediaBrowser Token="`+id+`"`)
	}
	more := 0
	for _, key := range redisKeys(t, redis.URL) {
		if slices.Contains(before, key) {
			continue
		}
		more++
		age, err := strconv.Atoi(askRedis(t, redis.URL, "TTL "+key)[0])
		if err != nil || age <= 0 || age > 2*3600 || strings.Contains(key, "nobody") {
			t.Errorf("strangers left %q, which lives for %d s (%v)", key, age, err)
		}
	}
	// One for the network, and one for each name that was tried before the
	// network had to wait.
	if more == 0 || more > 10 {
		t.Errorf("strangers left %d keys", more)
	}
	if n := len(s.Jellyfin.LiveTokens()); n != 0 {
		t.Errorf("%d tokens live at Jellyfin", n)
	}
}

// redisKeys lists all keys in a Redis.
func redisKeys(t *testing.T, url string) []string {
	t.Helper()
	keys := askRedis(t, url, "KEYS *")
	slices.Sort(keys)
	return keys
}

// askRedis gives one command and returns the answer, a number or a list.
func askRedis(t *testing.T, url, command string) []string {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(url, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(conn)
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("redis answers no more: %v", lines.Err())
		}
		return lines.Text()
	}
	first := next()
	if number, found := strings.CutPrefix(first, ":"); found {
		return []string{number}
	}
	n, err := strconv.Atoi(strings.TrimPrefix(first, "*"))
	if err != nil {
		t.Fatalf("redis answers %q to %s", first, command)
	}
	values := make([]string, n)
	for i := range values {
		next() // its length
		values[i] = next()
	}
	return values
}
