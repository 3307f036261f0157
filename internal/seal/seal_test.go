package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/jellyward/jellyward/internal/seal"
	"pgregory.net/rapid"
)

func box(t testing.TB, seed byte) *seal.Box {
	t.Helper()
	b, err := seal.New([32]byte{seed})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenGivesBackWhatWasSealed(t *testing.T) {
	b := box(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.SliceOf(rapid.Byte()).Draw(t, "place")
		got, err := b.Open(b.Seal(plain, place), place)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open = %x, %v, want %x", got, err, plain)
		}
	})
}

func TestAnyChangeIsRefused(t *testing.T) {
	b := box(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed := b.Seal(plain, []byte("here"))
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		sealed[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		if got, err := b.Open(sealed, []byte("here")); !errors.Is(err, seal.ErrOpen) || got != nil {
			t.Fatalf("Open of a changed record = %x, %v", got, err)
		}
	})
}

func TestOtherKeysAndPlacesAreRefused(t *testing.T) {
	sealed := box(t, 1).Seal([]byte("secret"), []byte("here"))
	for _, tt := range []struct {
		what   string
		box    *seal.Box
		sealed []byte
		place  string
	}{
		{"another key", box(t, 2), sealed, "here"},
		{"another place", box(t, 1), sealed, "there"},
		{"no place", box(t, 1), sealed, ""},
		{"nothing", box(t, 1), nil, "here"},
		{"a short one", box(t, 1), sealed[:28], "here"},
		{"a cut one", box(t, 1), sealed[:len(sealed)-1], "here"},
		{"a longer one", box(t, 1), append(bytes.Clone(sealed), 0), "here"},
	} {
		if _, err := tt.box.Open(tt.sealed, []byte(tt.place)); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: error %v, want ErrOpen", tt.what, err)
		}
	}
}

func TestSealingTwiceDiffers(t *testing.T) {
	b := box(t, 1)
	if bytes.Equal(b.Seal([]byte("x"), nil), b.Seal([]byte("x"), nil)) {
		t.Error("two records are equal")
	}
}

func TestKeyIDTellsKeysApart(t *testing.T) {
	one, again, two := box(t, 1).KeyID(), box(t, 1).KeyID(), box(t, 2).KeyID()
	if one != again || one == two || len(one) != 8 {
		t.Errorf("key ids %s, %s, %s", one, again, two)
	}
}

func FuzzOpen(f *testing.F) {
	b := box(f, 1)
	f.Add([]byte{}, []byte{})
	f.Add(b.Seal([]byte("x"), nil)[:20], []byte("y"))
	f.Fuzz(func(t *testing.T, sealed, place []byte) {
		if plain, err := b.Open(sealed, place); err == nil {
			t.Errorf("opened %x, which nobody sealed: %s", sealed, fmt.Sprint(plain))
		}
	})
}
