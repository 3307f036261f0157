package policy_test

import (
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
	"github.com/jellyward/jellyward/internal/policy/policytest"
)

// recordings are the targets that were sent to real servers, by version.
func recordings() map[string][]jellyfintest.PathRow {
	return map[string][]jellyfintest.PathRow{
		"10.11": jellyfintest.RecordedPaths(jellyfintest.V10_11),
		"12":    jellyfintest.RecordedPaths(jellyfintest.V12),
	}
}

func TestModelAgreesWithRealServers(t *testing.T) {
	for version, rows := range recordings() {
		m := policytest.NewModel(t, version)
		for _, row := range rows {
			path, err := m.Path(row.Target, "")
			if err != nil {
				if row.Status != 400 && row.Status != 500 || row.Action != "-" {
					t.Errorf("%s: %s %s: model refuses, server ran %s with %d", version, row.Method, row.Target, row.Action, row.Status)
				}
				continue
			}
			if path != row.Path {
				t.Errorf("%s: %s %s: model sees %q, server saw %q", version, row.Method, row.Target, path, row.Path)
			}
			if _, got := m.Route(row.Method, path); got != row.Action {
				t.Errorf("%s: %s %s: model runs %s, server ran %s", version, row.Method, row.Target, got, row.Action)
			}
		}
	}
}
