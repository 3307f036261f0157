package jellyfintest

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// credentials is what a request says about itself and its token.
type credentials struct {
	client, device, deviceID, version string
	token                             string
}

// complete reports whether all four facts are there that a sign-in needs.
func (d Device) complete() bool {
	return d.ID != "" && d.Name != "" && d.Client != "" && d.Version != ""
}

// parseCredentials finds the one token of a request as Jellyfin does: the first
// form that is there and not empty counts, whether its token is any good or not.
// In 10.10 X-Emby-Authorization comes before Authorization.
func (s *Server) parseCredentials(h http.Header, q query) credentials {
	legacy := s.legacyOn()
	dict := map[string]string{}
	switch {
	case s.opts.release == V10_10 && strings.Join(h["X-Emby-Authorization"], "") != "":
		dict = parseAuthorization(h["X-Emby-Authorization"][0], legacy)
	case strings.Join(h["Authorization"], "") != "":
		dict = parseAuthorization(h["Authorization"][0], legacy)
	case legacy && len(h["X-Emby-Authorization"]) > 0:
		dict = parseAuthorization(h["X-Emby-Authorization"][0], legacy)
	}
	cr := credentials{
		client:   dict["Client"],
		device:   dict["Device"],
		deviceID: dict["DeviceId"],
		version:  dict["Version"],
		token:    dict["Token"],
	}
	forms := []struct {
		legacy bool
		token  string
	}{
		{true, strings.Join(h["X-Emby-Token"], ",")},
		{true, strings.Join(h["X-Mediabrowser-Token"], ",")},
		{false, q.get("ApiKey")},
		{true, q.get("api_key")},
	}
	for _, form := range forms {
		if cr.token == "" && (legacy || !form.legacy) {
			cr.token = form.token
		}
	}
	return cr
}

// parseAuthorization reads `MediaBrowser Client="…", Token="…"`. Quotes are
// toggles and may be left out, keys are case-sensitive, the last of two equal
// keys counts, and values are form-decoded.
func parseAuthorization(header string, legacy bool) map[string]string {
	dict := map[string]string{}
	scheme, rest, found := strings.Cut(header, " ")
	known := equalFold(scheme, "MediaBrowser") || legacy && equalFold(scheme, "Emby")
	if !found || !known {
		return dict
	}
	quoted, key, start := false, "", 0
	put := func(end int) {
		if start < end {
			dict[key] = formDecode(strings.Trim(rest[start:end], `"`))
			key = ""
		}
		start = end + 1
	}
	for i := range len(rest) {
		switch {
		case rest[i] == '"':
			quoted = !quoted
		case quoted:
		case rest[i] == ',':
			put(i)
		case rest[i] == '=':
			key, start = strings.TrimSpace(rest[start:i]), i+1
		}
	}
	put(len(rest))
	return dict
}

// query is a parsed query string. Names are kept in lower case.
type query map[string][]string

// parseQuery parts a query as ASP.NET Core does: at ampersands only.
func parseQuery(raw string) query {
	q := query{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name = strings.ToLower(formDecode(name))
		q[name] = append(q[name], formDecode(value))
	}
	return q
}

// reparse is Jellyfin's own step after authentication: a query that is one name
// without a value, and has an equals sign in it, was encoded as a whole.
func (q query) reparse(raw string) query {
	if len(q) != 1 || strings.Contains(raw, "=") {
		return q
	}
	name := formDecode(raw)
	if !strings.Contains(name, "=") {
		return q
	}
	return parseQuery(name)
}

// get returns the values of a name, in any case; several are joined with a
// comma, and empty ones vanish.
func (q query) get(name string) string {
	var values []string
	for _, v := range q[strings.ToLower(name)] {
		if v != "" {
			values = append(values, v)
		}
	}
	return strings.Join(values, ",")
}

// has reports whether a name is there, with a value or without.
func (q query) has(name string) bool { return len(q[strings.ToLower(name)]) > 0 }

// formDecode decodes plus signs and percent encodings; invalid ones stay.
func formDecode(s string) string {
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i] == '%' {
			if c, err := url.QueryUnescape(s[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		if s[i] == '+' {
			b.WriteByte(' ')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// caller is who a request's token makes the caller.
type caller struct {
	credentials
	grant   *grant // nil for a stranger
	account *account
}

func (c caller) stranger() bool { return c.grant == nil }
func (c caller) apiKey() bool   { return c.grant != nil && c.grant.APIKey }
func (c caller) admin() bool {
	return c.apiKey() || c.account != nil && c.account.Admin
}

// deviceOf is the device that a request claims, filled up from the token's
// record.
func (c caller) deviceOf() Device {
	d := Device{ID: c.deviceID, Name: c.device, Client: c.client, Version: c.version}
	if c.grant == nil {
		return d
	}
	if c.grant.APIKey {
		d.Client = c.grant.keyName
	}
	d.UserID, d.UserName = c.grant.UserID, c.grant.UserName
	for _, f := range []struct {
		to   *string
		from string
	}{{&d.ID, c.grant.ID}, {&d.Name, c.grant.Name}, {&d.Client, c.grant.Client}, {&d.Version, c.grant.Version}} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	return d
}

// activityAfter is how stale a device's date may be before a request renews it.
const activityAfter = 3 * time.Minute

// identify looks a request's token up. A token of a disabled user is none. The
// caller holds s.mu.
func (st *state) identify(cr credentials, now time.Time) caller {
	who := caller{credentials: cr}
	g := st.grants[cr.token]
	if cr.token == "" || g == nil {
		return who
	}
	if g.APIKey {
		who.grant = g
		return who
	}
	a := st.byID(g.UserID)
	if a == nil || a.Disabled {
		return who
	}
	if cr.device != "" {
		g.Name = cr.device
	}
	if cr.version != "" {
		g.Version = cr.version
	}
	if now.Sub(g.lastActive) > activityAfter {
		g.lastActive, a.lastActive = now, now
	}
	who.grant, who.account = g, a
	return who
}
