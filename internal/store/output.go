package store

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// output takes what a private redis-server prints and logs it line by line.
type output struct {
	log *slog.Logger

	mu    sync.Mutex
	rest  []byte   // a line that is not complete
	lines []string // the last few
}

// keptLines is how many lines are repeated when the server ends.
const keptLines = 3

// Write never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest = append(o.rest, p...)
	for {
		line, rest, ok := bytes.Cut(o.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		o.line(strings.TrimSpace(string(line)))
		o.rest = rest
	}
}

func (o *output) line(line string) {
	if line == "" {
		return
	}
	if len(o.lines) == keptLines {
		o.lines = o.lines[1:]
	}
	o.lines = append(o.lines, line)
	o.log.Debug("private redis says", "line", line)
}

// last returns the last few lines as one.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lines) == 0 {
		return "nothing"
	}
	return strings.Join(o.lines, " | ")
}
