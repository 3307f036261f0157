package cli

import (
	"fmt"
	"io"
	"strings"
)

// grade says how good or bad a finding is.
type grade uint8

const (
	fine grade = iota
	remark
	warning
	failure
)

func (g grade) String() string {
	switch g {
	case fine:
		return "ok"
	case remark:
		return "note"
	case warning:
		return "warn"
	default:
		return "FAIL"
	}
}

// findings prints what is found as it is found, and counts what is wrong.
type findings struct {
	w        io.Writer
	failures int
}

func (f *findings) add(g grade, subject, text, hint string) {
	if g == failure {
		f.failures++
	}
	fmt.Fprintf(f.w, "%-4s  %-9s %s\n", g, subject, text)
	if hint != "" {
		fmt.Fprintf(f.w, "%-4s  %-9s hint: %s\n", "", "", hint)
	}
}

func (f *findings) ok(subject, text string)         { f.add(fine, subject, text, "") }
func (f *findings) note(subject, text, hint string) { f.add(remark, subject, text, hint) }
func (f *findings) warn(subject, text, hint string) { f.add(warning, subject, text, hint) }
func (f *findings) fail(subject, text, hint string) { f.add(failure, subject, text, hint) }

// failed adds an error with the hint that it has elsewhere, or else with
// another one.
func (f *findings) failed(subject string, err error, otherwise string) {
	text, hint := explain(err)
	if hint == "" {
		hint = otherwise
	}
	f.fail(subject, strings.TrimPrefix(text, subject+" "), hint)
}

// err is nil when nothing has failed.
func (f *findings) err() error {
	switch f.failures {
	case 0:
		return nil
	case 1:
		return hinted{fmt.Errorf("one check failed"), "its hint is above"}
	default:
		return hinted{fmt.Errorf("%d checks failed", f.failures), "their hints are above"}
	}
}
