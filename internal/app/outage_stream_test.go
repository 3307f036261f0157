package app_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/jellyward/jellyward/internal/jellyfin/jellyfintest"
)

// filmSize is more than all buffers on the way hold, so that a film that was
// begun is not at the visitor's already.
const filmSize = 32 << 20

// playing is a film on its way to a visitor.
type playing struct {
	resp       *http.Response
	read, size int64
}

// playFilm begins the film and reads a little of it.
func (a asker) playFilm(t *testing.T) *playing {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.base+"/Videos/"+jellyfintest.MovieID+"/stream?static=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", `MediaBrowser Token="`+a.token+`"`)
	resp, err := a.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("play: %d", resp.StatusCode)
	}
	p := &playing{resp: resp, size: resp.ContentLength}
	if err := p.more(1000); err != nil {
		t.Fatalf("play: %v", err)
	}
	return p
}

// more reads n bytes, and checks of each piece that it begins and ends with the
// film's.
func (p *playing) more(n int64) error {
	buf := make([]byte, 32<<10)
	for n > 0 {
		read, err := p.resp.Body.Read(buf[:min(n, int64(len(buf)))])
		for _, i := range []int{0, read - 1} {
			if read > 0 && buf[i] != jellyfintest.FilmByte(p.read+int64(i)) {
				return fmt.Errorf("byte %d is not the film's", p.read+int64(i))
			}
		}
		p.read, n = p.read+int64(read), n-int64(read)
		if err != nil {
			return err
		}
	}
	return nil
}

// rest reads to the end and tells whether the film was whole.
func (p *playing) rest() error {
	err := p.more(p.size - p.read)
	if err != nil && !(errors.Is(err, io.EOF) && p.read == p.size) {
		return fmt.Errorf("after %d of %d bytes: %w", p.read, p.size, err)
	}
	if n, err := p.resp.Body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("at the end: %d bytes more, %v", n, err)
	}
	return nil
}
