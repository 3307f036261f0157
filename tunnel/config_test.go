package tunnel

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func validConfig(t *testing.T) Config {
	t.Helper()
	token, err := ParseToken(testToken)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Token: token}
}

func TestZeroConfigIsSensible(t *testing.T) {
	c, err := validConfig(t).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if c.Protocol != Auto || c.Connections != 4 || c.GracePeriod != 30*time.Second || c.Logger == nil {
		t.Errorf("withDefaults = %+v", c)
	}
	c = validConfig(t)
	c.GracePeriod = -1
	if c, err := c.withDefaults(); err != nil || c.GracePeriod != 0 {
		t.Errorf("no grace period: %v, %v", c.GracePeriod, err)
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	withEndpoint, err := ParseToken(encode(`{"a":"account","s":"AAAA","t":"` + testID + `","e":"us"}`))
	if err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"no token":         func(c *Config) { c.Token = Token{} },
		"connections":      func(c *Config) { c.Connections = 256 },
		"-1 connections":   func(c *Config) { c.Connections = -1 },
		"grace period":     func(c *Config) { c.GracePeriod = time.Hour },
		"unknown protocol": func(c *Config) { c.Protocol = 9 },
		"want host:port":   func(c *Config) { c.EdgeAddrs = []string{"edge"} },
		"belongs to":       func(c *Config) { c.Token, c.Region = withEndpoint, "eu" },
	} {
		cfg := validConfig(t)
		spoil(&cfg)
		if _, err := New(cfg, http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want an error with %q", err, want)
		}
	}
	if _, err := New(validConfig(t), nil); err == nil {
		t.Error("New took no handler")
	}
}

func TestProtocolText(t *testing.T) {
	for text, want := range map[string]Protocol{"": Auto, "auto": Auto, "QUIC": QUIC, "http2": HTTP2, "HTTP2": HTTP2} {
		var p Protocol
		if err := p.UnmarshalText([]byte(text)); err != nil || p != want {
			t.Errorf("%q is %v, %v", text, p, err)
		}
	}
	var p Protocol
	if err := p.UnmarshalText([]byte("h2mux")); err == nil || !strings.Contains(err.Error(), "want auto, quic or http2") {
		t.Errorf("h2mux: %v", err)
	}
	if got := Protocol(9).String(); got != "protocol(9)" {
		t.Errorf("unknown protocol prints %s", got)
	}
}
