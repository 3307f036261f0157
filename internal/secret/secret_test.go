package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jellyward/jellyward/internal/secret"
)

const password = "hunter2 \"quoted\""

type login struct {
	Name     string
	Password secret.Text
}

func TestNothingPrintsASecret(t *testing.T) {
	text := secret.Text(password)
	holder := login{"alice", text}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	jsonLogger := slog.New(slog.NewJSONHandler(&log, nil))
	for _, l := range []*slog.Logger{logger, jsonLogger} {
		l.Info("sign-in", "password", text, "login", holder, "pointer", &holder, "list", []secret.Text{text})
	}
	encoded, err := json.Marshal(map[string]any{"a": text, "b": holder})
	if err != nil {
		t.Fatal(err)
	}
	printed := map[string]string{
		"Stringer": text.String(),
		"GoString": text.GoString(),
		"error":    errors.Join(fmt.Errorf("sign in with %s", text)).Error(),
		"log":      log.String(),
		"JSON":     string(encoded),
	}
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "% X", "%d", "%10s"} {
		printed[verb] = fmt.Sprintf(verb, text)
		printed["struct "+verb] = fmt.Sprintf(verb, holder)
		printed["pointer "+verb] = fmt.Sprintf(verb, &holder)
	}
	for how, out := range printed {
		if strings.Contains(out, "hunter2") || strings.Contains(out, "68756e74657232") {
			t.Errorf("%s gives the secret away: %s", how, out)
		}
		if !strings.Contains(out, "REDACTED") {
			t.Errorf("%s does not say REDACTED: %s", how, out)
		}
	}
}

func TestDecodedLikeAString(t *testing.T) {
	var l login
	if err := json.Unmarshal([]byte(`{"Name":"alice","Password":"pä\"ss"}`), &l); err != nil {
		t.Fatal(err)
	}
	if string(l.Password) != `pä"ss` {
		t.Errorf("decoded to something else (%d bytes)", len(l.Password))
	}
}
