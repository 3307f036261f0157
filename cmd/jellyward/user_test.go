package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jellyward/jellyward/internal/apppass"
	"github.com/jellyward/jellyward/internal/issued"
	"github.com/jellyward/jellyward/internal/seal"
	"github.com/jellyward/jellyward/internal/secret"
	"github.com/jellyward/jellyward/internal/session"
	"github.com/jellyward/jellyward/internal/store"
)

// made is when everything in the transcripts was made.
func made() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// device ID KIND APP DEVICE TOKEN: the user with this id is signed in there since
// the second of January. A browser has a session as well.
func signInDevice(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: device ID KIND APP DEVICE TOKEN")
	}
	id, kind, token := args[0], issued.Kind(args[1]), secret.Text(args[4])
	withStore(ts, func(ctx context.Context, s *store.Store) {
		r := issued.Record{Secret: token, Token: issued.Token{
			ID: token.Hash(), UserID: id, Kind: kind, Client: args[2], DeviceName: args[3], DeviceID: args[4],
			Network: "203.0.113.9/32", LastNetwork: "203.0.113.9/32", Created: made(), Seen: made(),
		}}
		ts.Check(s.PutIssued(ctx, r))
		if kind == issued.Browser {
			_, _, err := session.New(s, time.Hour, nil).Create(ctx, session.Session{UserID: id, Token: token})
			ts.Check(err)
		}
	})
}

// apppassword ID NAME: the user with this id has an app password, which was used
// once, and a session that signs apps in.
func makeAppPassword(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: apppassword ID NAME")
	}
	withStore(ts, func(ctx context.Context, s *store.Store) {
		p := apppass.AppPassword{ID: args[1], UserID: args[0], Name: args[1], Created: made()}
		ts.Check(s.PutAppPassword(ctx, p, secret.Text("password of "+args[1]), apppass.MaxPerUser))
		use := apppass.Use{TokenID: "x", Client: "Kodi", DeviceName: "Den", At: made()}
		_, err := s.UseAppPassword(ctx, args[0], p.ID, use, false)
		ts.Check(err)
		ts.Check(s.PutKept(ctx, apppass.Kept{UserID: args[0], Token: "kept", DeviceID: "kept", Created: made()}, ""))
	})
}

func withStore(ts *testscript.TestScript, do func(context.Context, *store.Store)) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	box, err := seal.LoadKey(filepath.Join(ts.Getenv("JELLYWARD_DATA_DIR"), "key"))
	ts.Check(err)
	s, err := store.Open(ctx, store.Options{URL: ts.Getenv("JELLYWARD_REDIS_URL"), Box: box})
	ts.Check(err)
	defer s.Close()
	do(ctx, s)
}
