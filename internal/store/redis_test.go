package store_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/store/storetest"
	"github.com/jellyward/jellyward/internal/throttle"
	"github.com/jellyward/jellyward/internal/totp"
)

func TestBadURLsAreExplained(t *testing.T) {
	tests := []struct{ url, say string }{
		{"localhost:6379", "redis://"},
		{"redis.example.org", "begin it with redis://"},
		{"http://localhost:6379", "does not speak HTTP"},
		{"https://:hunter2@localhost", "does not speak HTTP"},
		{"valkey://localhost", "use redis://"},
		{"redis+sentinel://localhost", "not supported"},
		{"memory://", `just "memory:"`},
		{"redis://", "no host"},
		{"redis://user:hunter2@", "no host"},
		{"redis://user:hunter2@host/x", "database number"},
		{"redis://user:hunter2@host/0/1", "path"},
		{"redis://user:hunter2@host:port", "cannot be parsed"},
		{"redis://user:hunter2%zz@host", "cannot be parsed"},
		{"redis://user:hunter2#@host", ""},
		{"redis://host?colour=red", "colour"},
		{"unix://run/redis.sock", "three slashes"},
		{"unix://", "socket"},
		{"unix:///" + strings.Repeat("x", 200), "bytes"},
		{"\x00", "cannot be parsed"},
	}
	for _, tt := range tests {
		err := store.CheckURL(tt.url)
		var problem *store.URLError
		if !errors.As(err, &problem) || problem.Hint == "" || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("CheckURL(%.60q) = %v, want an error that says %q", tt.url, err, tt.say)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("CheckURL(%.60q) gives the password away: %v", tt.url, err)
		}
		if s, err := store.Open(t.Context(), store.Options{URL: tt.url, Box: box(t, 1)}); err == nil {
			s.Close()
			t.Errorf("Open(%.60q) succeeded", tt.url)
		}
	}
	for _, good := range []string{
		"", "memory:", "redis://localhost", "redis://user:p%40ss@10.0.0.1:6380/3", "rediss://redis.example.org",
		"redis://[::1]", "unix:///run/redis/redis.sock", "unix://user:pass@/run/redis/redis.sock?db=2",
	} {
		if err := store.CheckURL(good); err != nil {
			t.Errorf("CheckURL(%q) = %v", good, err)
		}
	}
}

func TestUserAndPassword(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireUserAuth("jelly", "p@ss/word")
	open(t, store.Options{URL: "redis://jelly:p%40ss%2Fword@" + server.Addr() + "/0"})
	began := time.Now()
	s, err := store.Open(t.Context(), store.Options{URL: "redis://jelly:hunter2@" + server.Addr(), Box: box(t, 1)})
	if err == nil {
		s.Close()
		t.Fatal("a wrong password was accepted")
	}
	if strings.Contains(err.Error(), "hunter2") || time.Since(began) > 8*time.Second { // not the ten that others wait
		t.Errorf("a wrong password: %v after %v", err, time.Since(began))
	}
}

func TestTLS(t *testing.T) {
	authority := httptest.NewTLSServer(nil) // for its certificate for 127.0.0.1
	defer authority.Close()
	server := miniredis.NewMiniRedis()
	if err := server.StartTLS(&tls.Config{Certificates: authority.TLS.Certificates}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(authority.Certificate())
	s := open(t, store.Options{URL: "rediss://" + server.Addr(), RootCAs: trusted})
	spend(t, s, 1)
	for _, o := range []store.Options{
		{URL: "rediss://" + server.Addr()}, // nobody vouches for it
		{URL: "rediss://" + strings.Replace(server.Addr(), "127.0.0.1", "localhost", 1), RootCAs: trusted}, // another name
	} {
		o.Box = box(t, 1)
		s, err := store.Open(t.Context(), o)
		if err == nil {
			s.Close()
			t.Errorf("%s was trusted", o.URL)
			continue
		}
		if !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", o.URL, err)
		}
	}
}

func TestMemoryForgets(t *testing.T) {
	s, other := open(t, store.Options{URL: "memory:"}), open(t, store.Options{URL: "memory:"})
	spend(t, s, 10)
	if !isSpent(t, s, 10) || isSpent(t, other, 10) {
		t.Error("two stores in memory are one, or none")
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	server := storetest.StartRedis(t)
	open(t, store.Options{URL: server.URL, Box: box(t, 1)})
	open(t, store.Options{URL: server.URL, Box: box(t, 1)})
	s, err := store.Open(t.Context(), store.Options{URL: server.URL, Box: box(t, 2)})
	if err == nil {
		s.Close()
		t.Fatal("another key was accepted")
	}
	if !errors.Is(err, store.ErrKey) || !strings.Contains(err.Error(), box(t, 1).KeyID()) || !strings.Contains(err.Error(), box(t, 2).KeyID()) {
		t.Errorf("another key: %v", err)
	}
}

// everything makes a store keep one of each thing.
func everything(t testing.TB, s *store.Store) totp.Secret {
	t.Helper()
	enrolled, shown := totp.NewSecret(), totp.NewSecret()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	ok(s.PutPending(ctx, totp.Pending{ID: "1", UserID: alice, Name: "alice", Secret: enrolled, Created: time.Now()}, 10*time.Minute))
	ok(s.Activate(ctx, alice, "1", 1))
	ok(s.PutName(ctx, "alice", alice))
	ok(s.PutPending(ctx, totp.Pending{ID: "2", UserID: alice, Name: "alice", Secret: shown, Created: time.Now()}, 10*time.Minute))
	spend(t, s, 2)
	_, err := s.Claim(ctx, alice, 3, 30*time.Second)
	ok(err)
	limiter := throttle.Limiter{Store: s}
	for _, addr := range []string{"192.0.2.1", "192.0.2.2"} {
		for _, succeeds := range []bool{true, false} {
			a, err := limiter.Begin(ctx, throttle.NetworkOf(netip.MustParseAddr(addr)), alice)
			ok(err)
			if succeeds {
				ok(a.Succeed(ctx))
			}
		}
	}
	_, err = limiter.Begin(ctx, throttle.NetworkOf(netip.MustParseAddr("2001:db8::1")), alice)
	ok(err)
	_, err = limiter.BeginName(ctx, throttle.NetworkOf(netip.MustParseAddr("2001:db8::1")), "nobody")
	ok(err)
	m := session.New(s, 720*time.Hour, nil)
	_, _, err = m.Create(ctx, session.Session{
		UserID: alice, UserName: "alice", Token: "0123456789abcdeftoken", DeviceID: "TW96aWxsYS81LjAgKFgxMTsgTGludXggeDg2XzY0",
		DeviceName: "Firefox", ServerID: "0123456789abcdef0123456789abcdef", Network: "192.0.2.1/32",
	})
	ok(err)
	return enrolled
}

func TestEveryKeyIsDocumentedAndExpiresAsItSays(t *testing.T) {
	server := storetest.StartRedis(t)
	s := open(t, store.Options{URL: server.URL})
	everything(t, s)
	const never = -1 * time.Nanosecond // how the client says it
	ages := map[string]time.Duration{
		"jellyward:key-check":                             never,
		"jellyward:enrolled":                              never,
		"jellyward:names":                                 never,
		"jellyward:user:" + alice:                         never,
		"jellyward:pending:" + alice:                      10 * time.Minute,
		"jellyward:claim:" + alice + ":3":                 30 * time.Second,
		"jellyward:known:" + alice:                        90 * 24 * time.Hour,
		"jellyward:tries:network:192.0.2.1/32":            75 * time.Minute,
		"jellyward:tries:network:192.0.2.2/32":            75 * time.Minute,
		"jellyward:tries:network:2001:db8::/64":           75 * time.Minute,
		"jellyward:tries:user:" + alice + ":192.0.2.1/32": 90 * 24 * time.Hour,
		"jellyward:tries:user:" + alice + ":192.0.2.2/32": 90 * 24 * time.Hour,
		"jellyward:tries:user:" + alice + ":others":       never,
		"jellyward:tries:user:name-":                      75 * time.Minute,
		"jellyward:session:":                              720 * time.Hour,
		"jellyward:token:":                                720 * time.Hour,
	}
	var bytes int64
	keys := s.Client().Keys(t.Context(), "*").Val()
	for _, key := range keys {
		bytes += s.Client().MemoryUsage(t.Context(), key).Val()
		documented := key
		for _, hashed := range []string{"jellyward:session:", "jellyward:token:", "jellyward:tries:user:name-"} {
			if strings.HasPrefix(key, hashed) {
				documented = hashed
			}
		}
		want, ok := ages[documented]
		if !ok {
			t.Errorf("key %s is not documented", key)
			continue
		}
		delete(ages, documented)
		if got := s.Client().PTTL(t.Context(), key).Val(); got > want || got < want-time.Minute {
			t.Errorf("key %s expires in %v, want %v", key, got, want)
		}
	}
	for key := range ages {
		t.Errorf("key %s is documented and not there", key)
	}
	t.Logf("a user with failures from three networks and one session: %d keys, %d bytes", len(keys), bytes)
	if bytes > 5000 {
		t.Errorf("a user with one session takes %d bytes", bytes)
	}
}

func TestNoSecretIsReadableInRedis(t *testing.T) {
	server := storetest.StartRedis(t)
	s := open(t, store.Options{URL: server.URL})
	secret := everything(t, s)
	files, err := filepath.Glob(filepath.Join(strings.TrimPrefix(filepath.Dir(server.URL), "unix:"), "appendonlydir", "*.aof"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file of redis found: %v, %v", files, err)
	}
	dump := readAll(t, files)
	if !strings.Contains(dump, "jellyward:session:") {
		t.Fatal("the files hold no session")
	}
	for what, leak := range map[string]string{
		"secret in base32": secret.Base32(), "secret": string(secret.Bytes()), "token": "abcdeftoken", "device": "Firefox",
	} {
		if strings.Contains(dump, leak) {
			t.Errorf("the %s is readable in redis' files", what)
		}
	}
}

func TestAMovedRecordIsNoSecondFactor(t *testing.T) {
	server := storetest.StartRedis(t)
	s := open(t, store.Options{URL: server.URL})
	everything(t, s)
	const mallory = "ffffffffffffffffffffffffffffffff"
	c := s.Client()
	stolen := c.HGet(t.Context(), "jellyward:user:"+alice, "factor").Val()
	c.HSet(t.Context(), "jellyward:user:"+mallory, "factor", stolen)
	if e, err := s.Enrolment(t.Context(), mallory); err == nil || errors.Is(err, totp.ErrNotEnrolled) {
		t.Errorf("a record from another place: %v, %v", e, err)
	}
	c.HSet(t.Context(), "jellyward:user:"+alice, "factor", stolen[:len(stolen)-1])
	if e, err := s.Enrolment(t.Context(), alice); err == nil || errors.Is(err, totp.ErrNotEnrolled) {
		t.Errorf("a damaged record: %v, %v", e, err)
	}
}

// calls is one of each kind of question.
func calls(ctx context.Context, s *store.Store) map[string]error {
	_, enrolment := s.Enrolment(ctx, alice)
	_, all := s.Enrolments(ctx)
	_, claim := s.Claim(ctx, alice, 100, time.Second)
	_, name := s.UserID(ctx, "alice")
	_, sess := s.Session(ctx, "x")
	_, begin := (&throttle.Limiter{Store: s}).Begin(ctx, netip.MustParsePrefix("192.0.2.0/32"), alice)
	return map[string]error{
		"Ping": s.Ping(ctx), "Enrolment": enrolment, "Enrolments": all, "Claim": claim, "UserID": name,
		"Session": sess, "Begin": begin, "Reset": s.Reset(ctx, alice), "EndSession": s.EndSession(ctx, "x"),
		"WatchSessions": s.WatchSessions(ctx, func(session.Event) {}),
	}
}

func TestRedisAwayFailsFastAndComesBackByItself(t *testing.T) {
	server := storetest.StartRedis(t)
	s := open(t, store.Options{URL: server.URL})
	spend(t, s, 10)
	server.Kill(t)
	began := time.Now()
	for what, err := range calls(t.Context(), s) {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s while redis is away: %v", what, err)
		}
	}
	if took := time.Since(began); took > 10*time.Second { // not two for each
		t.Errorf("ten calls took %v", took)
	}
	server.Start(t)
	recovered(t, s)
	if !isSpent(t, s, 10) {
		t.Error("a spent step is forgotten")
	}
}

func TestASilentRedisFailsWithinSeconds(t *testing.T) {
	t.Parallel() // it only waits
	// It accepts connections and says nothing, as a frozen machine does.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	s, err := store.Open(ctx, store.Options{URL: "redis://" + l.Addr().String(), Box: box(t, 1)})
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, store.ErrUnavailable) || time.Since(began) > 8*time.Second {
		t.Errorf("Open = %v after %v", err, time.Since(began))
	}
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := store.Open(ctx, store.Options{URL: "unix:///nowhere/redis.sock", Box: box(t, 1)})
	if !errors.Is(err, store.ErrUnavailable) || time.Since(began) > 8*time.Second {
		t.Errorf("Open = %v after %v", err, time.Since(began))
	}
	if _, err := store.Open(t.Context(), store.Options{URL: "memory:"}); err == nil {
		t.Error("Open without a key succeeded")
	}
}

func TestWarningsOfAForgetfulRedis(t *testing.T) {
	server := storetest.StartRedis(t)
	s := open(t, store.Options{URL: server.URL})
	set := func(name, value string) {
		t.Helper()
		if err := s.Client().ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if w := s.Warnings(t.Context()); len(w) != 0 {
		t.Errorf("a careful redis: %q", w)
	}
	if v, err := s.Version(t.Context()); err != nil || !strings.Contains(v, ".") {
		t.Errorf("Version = %q, %v", v, err)
	}
	set("appendfsync", "everysec")
	set("maxmemory", "100mb")
	set("maxmemory-policy", "allkeys-lru")
	if w := s.Warnings(t.Context()); len(w) != 2 || !strings.Contains(w[0], "appendfsync always") || !strings.Contains(w[1], "noeviction") {
		t.Errorf("a redis that syncs later and evicts: %q", w)
	}
	set("appendonly", "no")
	if w := s.Warnings(t.Context()); len(w) != 2 || !strings.Contains(w[0], "appendonly yes") {
		t.Errorf("a redis that keeps nothing: %q", w)
	}
}

func BenchmarkSpend(b *testing.B) {
	s := open(b, store.Options{URL: storetest.StartRedis(b).URL})
	step := totp.Step(0)
	for b.Loop() {
		step++
		spend(b, s, step)
	}
}

func BenchmarkSession(b *testing.B) {
	s := open(b, store.Options{URL: storetest.StartRedis(b).URL})
	m := session.New(s, time.Hour, nil)
	_, created, err := m.Create(b.Context(), session.Session{UserID: alice})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Session(b.Context(), created.ID); err != nil {
			b.Fatal(err)
		}
	}
}
