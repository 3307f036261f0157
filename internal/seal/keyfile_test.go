package seal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jellyward/jellyward/internal/seal"
)

func TestFirstStartMakesAKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "key")
	first, err := seal.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("key file: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its directory: %v, %v", info, err)
	}
	second, err := seal.LoadKey(path)
	if err != nil || first.KeyID() != second.KeyID() {
		t.Errorf("the second start has another key (%v)", err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%v is left in the directory", files)
	}
	other, err := seal.LoadKey(filepath.Join(t.TempDir(), "key"))
	if err != nil || other.KeyID() == first.KeyID() {
		t.Errorf("two new keys are equal (%v)", err)
	}
}

func TestManyStartsAtOnceHaveOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "key")
	ids := make([]string, 50)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			b, err := seal.LoadKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = b.KeyID()
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("keys %s and %s", ids[0], id)
		}
	}
}

func TestABadKeyFileIsRefusedAndKept(t *testing.T) {
	tests := []struct {
		what    string
		content string
		mode    os.FileMode
		say     string
	}{
		{"empty", "", 0o600, "0 bytes instead of 32"},
		{"short", strings.Repeat("x", 31), 0o600, "31 bytes instead of 32"},
		{"with a newline", strings.Repeat("x", 32) + "\n", 0o600, "33 bytes instead of 32"},
		{"hexadecimal", strings.Repeat("0", 64), 0o600, "64 bytes instead of 32"},
		{"readable for the group", strings.Repeat("x", 32), 0o640, "chmod 600"},
		{"writable for all", strings.Repeat("x", 32), 0o602, "chmod 600"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := seal.LoadKey(path)
			var problem *seal.KeyError
			if !errors.As(err, &problem) || problem.Hint == "" || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("error %v, want one that says %q", err, tt.say)
			}
			if got, _ := os.ReadFile(path); string(got) != tt.content {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOddPathsAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := seal.LoadKey(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadKey(filepath.Join(file, "key")); err == nil {
		t.Error("a key below a file was accepted")
	}
	if _, err := seal.LoadKey(""); err == nil {
		t.Error("no path was accepted")
	}
}
