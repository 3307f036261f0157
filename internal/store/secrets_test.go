package store_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/jellyfin"
	"github.com/jellyward/jellyward/internal/quickconnect"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/store"
	"github.com/jellyward/jellyward/internal/store/storetest"
)

// givenOut keeps one of everything that has to do with tokens.
func givenOut(t *testing.T, s *store.Store) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, now := t.Context(), time.Now()
	token := func(text secret.Text) issued.Record {
		return issued.Record{Secret: text, Token: issued.Token{
			ID: text.Hash(), UserID: alice, UserName: "alice", Kind: issued.Code, Client: "Findroid", DeviceName: "Pixel",
			DeviceID: "deviceid", Network: "192.0.2.1/32", LastNetwork: "192.0.2.1/32", Created: now, Seen: now,
		}}
	}
	ok(s.PutIssued(ctx, token("livingtoken")))
	ok(s.PutIssued(ctx, token("leavingtoken")))
	ok(s.EndIssued(ctx, "leavingtoken", now.Add(time.Hour)))
	ok(s.PutAppPassword(ctx, apppass.AppPassword{ID: "p", UserID: alice, UserName: "alice", Name: "Fernseher", Created: now}, "thepassword", 20))
	_, err := s.UseAppPassword(ctx, alice, "p", apppass.Use{TokenID: "t", Client: "Findroid", DeviceName: "Pixel", DeviceID: "deviceid", At: now}, false)
	ok(err)
	ok(s.PutKept(ctx, apppass.Kept{UserID: alice, Token: "kepttoken", DeviceID: "keptdevice", Created: now}, ""))
	ok(s.PutConnect(ctx, quickconnect.Request{
		Code: "123456", At: now, Network: "192.0.2.1/32", Device: jellyfin.Device{Client: "Roku", Name: "Stube", ID: "deviceid"}, Secret: "waitingsecret",
	}, 10*time.Minute, 10))
}

func TestWhatWasGivenOutIsKeptAsDocumented(t *testing.T) {
	server := storetest.StartRedis(t)
	s := open(t, store.Options{URL: server.URL})
	givenOut(t, s)
	const never = -1 * time.Nanosecond // how the client says it
	ages := map[string]time.Duration{
		"jellyward:key-check":              never,
		"jellyward:issued:":                never,
		"jellyward:issued-to:" + alice:     never,
		"jellyward:issued-to-apps":         never,
		"jellyward:issued-ended":           never,
		"jellyward:leaving":                never,
		"jellyward:app-password:":          never,
		"jellyward:app-passwords:" + alice: never,
		"jellyward:app-password-of:":       never,
		"jellyward:kept:" + alice:          never,
		"jellyward:connect:123456":         10 * time.Minute,
		"jellyward:connects":               10 * time.Minute,
	}
	for _, key := range s.Client().Keys(t.Context(), "*").Val() {
		documented := key
		for _, named := range []string{"jellyward:issued:", "jellyward:app-password:", "jellyward:app-password-of:"} {
			if strings.HasPrefix(key, named) {
				documented = named
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
		t.Logf("%-60s %d bytes", key, s.Client().MemoryUsage(t.Context(), key).Val())
	}
	for key := range ages {
		t.Errorf("key %s is documented and not there", key)
	}
}

func TestNoTokenOrAppPasswordIsReadableInRedis(t *testing.T) {
	server := storetest.StartRedis(t)
	s := open(t, store.Options{URL: server.URL})
	givenOut(t, s)
	files, err := filepath.Glob(filepath.Join(strings.TrimPrefix(filepath.Dir(server.URL), "unix:"), "appendonlydir", "*.aof"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file of redis found: %v, %v", files, err)
	}
	dump := readAll(t, files)
	if !strings.Contains(dump, "jellyward:app-password-of:") {
		t.Fatal("the files hold no app password")
	}
	// A hash without a key could be searched for: it must not be there either.
	hash := secret.Text("thepassword").Hash()
	for _, leak := range []string{"livingtoken", "leavingtoken", "kepttoken", "waitingsecret", "keptdevice", "thepassword", hash, "Pixel", "Fernseher", "Stube", "deviceid"} {
		if strings.Contains(dump, leak) {
			t.Errorf("%q is readable in redis' files", leak)
		}
	}
}

func TestAnotherKeyFindsNoAppPassword(t *testing.T) {
	one, two := box(t, 1).Derive("app passwords"), box(t, 2).Derive("app passwords")
	if one == two || one != box(t, 1).Derive("app passwords") || one == box(t, 1).Derive("something else") {
		t.Error("keys are not derived from the key and the purpose alone")
	}
}

// Who can write to Redis must not make one user's password open another's
// account.
func TestAMovedAppPasswordOpensNothing(t *testing.T) {
	const bob = "fedcba9876543210fedcba9876543210"
	server := storetest.StartRedis(t)
	s := open(t, store.Options{URL: server.URL})
	put := func(id, user string, password secret.Text) {
		t.Helper()
		p := apppass.AppPassword{ID: id, UserID: user, UserName: "x", Name: "x", Created: time.Now()}
		if err := s.PutAppPassword(t.Context(), p, password, 20); err != nil {
			t.Fatal(err)
		}
	}
	put("a", alice, "of alice")
	place := s.Client().Keys(t.Context(), "jellyward:app-password-of:*").Val()[0]
	put("b", bob, "of bob")
	c := s.Client()
	c.Set(t.Context(), place, bob+" b", 0)
	if p, err := s.FindAppPassword(t.Context(), "of alice"); err == nil {
		t.Errorf("another's account is opened: %+v", p)
	}
	c.Set(t.Context(), place, bob+" a", 0)
	record := c.HGet(t.Context(), "jellyward:app-password:"+alice+":a", "record").Val()
	c.HSet(t.Context(), "jellyward:app-password:"+bob+":a", "record", record)
	if p, err := s.FindAppPassword(t.Context(), "of alice"); err == nil {
		t.Errorf("another's account is opened: %+v", p)
	}
}
