package jellyfintest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
)

// PathRow is a request target that was sent to a real server, byte for byte,
// without a token.
type PathRow struct {
	Method string `json:"method"`
	Target string `json:"target"`
	Status int    `json:"status"`
	// Action is what ran: "UserController.GetUserById", "405" for a path that
	// has no such method, or "-" for none.
	Action string `json:"action"`
	// Path is what routing saw, empty where the target did not get so far.
	Path string `json:"path"`
}

// RecordedPaths returns about 4960 targets for a generation and what each ran.
func RecordedPaths(r Release) []PathRow {
	return readLines[PathRow](r.folder() + "paths.jsonl")
}

// readLines reads a file of JSON values, one a line. The data is part of the
// package, so an error in it is a panic.
func readLines[T any](name string) []T {
	var rows []T
	lines := bufio.NewScanner(strings.NewReader(mustRead(name)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row T
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			panic(fmt.Sprintf("jellyfintest: read %s: %v", name, err))
		}
		rows = append(rows, row)
	}
	return rows
}
