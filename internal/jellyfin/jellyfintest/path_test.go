package jellyfintest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

var releases = []Release{V10_11, V12}

// The router is asked directly, so that targets that Go's own server would
// refuse are tried like the others.
func TestEveryRecordedTargetRunsTheSameAction(t *testing.T) {
	total := 0
	for _, release := range releases {
		s := New(Version(release))
		for _, row := range RecordedPaths(release) {
			total++
			got := s.resolve(row.Method, row.Target)
			want := PathRow{Method: row.Method, Target: row.Target, Status: got.status, Action: row.Action, Path: row.Path}
			if row.Path == "" {
				want.Path = got.path // not recorded
			}
			if diff := cmp.Diff(want, PathRow{row.Method, row.Target, got.status, got.action, got.path}); diff != "" {
				t.Errorf("%v %s %s (-recorded +got):\n%s", release, row.Method, row.Target, diff)
			}
		}
	}
	if total != 9922 {
		t.Errorf("tried %d targets, want 9922", total)
	}
}
