package policytest

import (
	"bytes"
	_ "embed" // for operations.csv
	"encoding/csv"
	"strings"
	"testing"
)

//go:embed operations.csv
var operations []byte

// Operation is one row of operations.csv. A name in parentheses is that of
// something else than an operation: files, health checks.
type Operation struct {
	Method, Template, Name, Auth string
	Versions                     []string
	segments                     []templateSegment
	precedence                   string // a digit for each segment, as ASP.NET has them: 1 is a literal
}

// Operations reads every operation of the three versions.
func Operations(t testing.TB) []Operation {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(operations)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var ops []Operation
	for _, r := range rows[1:] {
		ops = append(ops, Operation{Method: r[0], Template: r[1], Name: r[2], Auth: r[3], Versions: strings.Fields(r[4])})
	}
	return ops
}

// Ordinary are requests as a client would spell them, one for every operation,
// with made-up values for the parameters.
func Ordinary(t testing.TB) []Request {
	t.Helper()
	var all []Request
	for _, op := range Operations(t) {
		if strings.HasPrefix(op.Name, "(") {
			continue
		}
		all = append(all, Request{op.Method, Example(op.Template)})
	}
	for _, more := range []string{
		"GET /", "GET /web/", "GET /web/index.html", "HEAD /web/", "GET /web/main.jellyfin.bundle.js", "GET /robots.txt", "GET /favicon.ico",
		"GET /health", "GET /metrics", "GET /api-docs/openapi.json", "GET /startup/logger", "GET /sso/2fa", "POST /sso/2fa/authenticate",
		"GET /SSO/OID/start/x", "GET /SSOViews/linking", "GET /opds", "GET /opds/books", "GET /MyPlugin/Thing", "OPTIONS /Items",
		"GET /Artists/AC%2FDC", "GET /Genres/100%25", "GET /Persons/Bj%C3%B6rk/Images/Primary", "GET /Studios/%E6%9D%B1%E5%AE%9D",
	} {
		method, target, _ := strings.Cut(more, " ")
		all = append(all, Request{method, target})
	}
	return all
}

// Request is a request as it stands in its first line.
type Request struct{ Method, Target string }

// Example fills a template's parameters.
func Example(template string) string {
	var b strings.Builder
	for template != "" {
		literal, rest, found := strings.Cut(template, "{")
		b.WriteString(literal)
		if !found {
			break
		}
		var name string
		name, template, _ = strings.Cut(rest, "}")
		switch {
		case strings.Contains(name, "ontainer"), strings.Contains(name, "ormat"):
			b.WriteString("ts")
		case strings.HasSuffix(strings.ToLower(name), "index"), strings.Contains(name, "Ticks"):
			b.WriteString("0")
		default:
			b.WriteString("0123456789abcdef0123456789abcdef")
		}
	}
	return b.String()
}
