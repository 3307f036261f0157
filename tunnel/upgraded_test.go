package tunnel

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// The stream may be let go only when no write to it is under way.
func TestUpgradedCloseWaitsForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := net.Pipe()
		defer theirs.Close()
		u := newUpgraded(t.Context(), ours, ours)
		go theirs.Write([]byte("x"))
		if n, err := u.Read(make([]byte, 8)); n != 1 || err != nil {
			t.Fatalf("Read = %d, %v", n, err)
		}
		closed := make(chan struct{})
		go func() {
			u.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("Close returned while a write was under way")
		default:
		}
		if n, err := u.Read(make([]byte, 8)); n != 0 || err != io.EOF {
			t.Errorf("Read after Close = %d, %v", n, err)
		}
		<-closed
	})
}

func TestUpgradedCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := net.Pipe()
		defer theirs.Close()
		visitor, leave := context.WithCancel(t.Context())
		u := newUpgraded(visitor, ours, ours)
		go theirs.Write([]byte("x"))
		if _, err := u.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		leave() // and the write fails, so that nobody reads again
		began := time.Now()
		u.Close()
		if waited := time.Since(began); waited != lastWrite {
			t.Errorf("Close took %s, want %s", waited, lastWrite)
		}
	})
}

func TestUpgradedIdleCloseReturnsAtOnce(t *testing.T) {
	theirs, ours := net.Pipe()
	u := newUpgraded(t.Context(), ours, ours)
	done := make(chan error, 1)
	go func() {
		_, err := u.Read(make([]byte, 8))
		done <- err
	}()
	u.Close()
	if err := <-done; err == nil {
		t.Error("Read went on after Close")
	}
	if _, err := theirs.Read(make([]byte, 8)); err != io.EOF {
		t.Errorf("the handler reads %v", err)
	}
	if _, err := u.Write([]byte("x")); err == nil {
		t.Error("Write went on after Close")
	}
}
