package policy_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// recorded is a request target that was sent to a real server, byte for byte.
type recorded struct {
	Method string `json:"method"`
	Target string `json:"target"`
	Status int    `json:"status"`
	Action string `json:"action"` // "UserController.GetUserById", "405", or "-" for none
	Path   string `json:"path"`   // as routing saw it
}

// recordings are the targets that were sent to real servers, by version.
func recordings(t testing.TB) map[string][]recorded {
	t.Helper()
	const folder = "../jellyfin/jellyfintest/recorded/"
	return map[string][]recorded{
		"10.11": readRecording(t, folder+"10.11.11/paths.jsonl"),
		"12":    readRecording(t, folder+"12.0-rc5/paths.jsonl"),
	}
}

func readRecording(t testing.TB, name string) []recorded {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []recorded
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var row recorded
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("read %s: %v", name, err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestModelAgreesWithRealServers(t *testing.T) {
	for version, rows := range recordings(t) {
		m := newModel(t, version)
		for _, row := range rows {
			path, err := m.path(row.Target, "")
			if err != nil {
				if row.Status != 400 && row.Status != 500 || row.Action != "-" {
					t.Errorf("%s: %s %s: model refuses, server ran %s with %d", version, row.Method, row.Target, row.Action, row.Status)
				}
				continue
			}
			if path != row.Path {
				t.Errorf("%s: %s %s: model sees %q, server saw %q", version, row.Method, row.Target, path, row.Path)
			}
			if _, got := m.route(row.Method, path); got != row.Action {
				t.Errorf("%s: %s %s: model runs %s, server ran %s", version, row.Method, row.Target, got, row.Action)
			}
		}
	}
}
