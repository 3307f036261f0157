package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

type versionCommand struct{}

// Run prints one line: "jellyward v1.2.3 (0123456789ab, go1.26.8 linux/amd64)".
func (versionCommand) Run(p Process) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	_, err := fmt.Fprintln(p.Stdout, versionLine(info))
	return err
}

func versionLine(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" || version == "(devel)" {
		version = "built from source"
	}
	details := []string{runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	settings := make(map[string]string, len(info.Settings))
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		if settings["vcs.modified"] == "true" {
			details = append([]string{"modified"}, details...)
		}
		details = append([]string{revision[:min(12, len(revision))]}, details...)
	}
	return fmt.Sprintf("jellyward %s (%s)", version, strings.Join(details, ", "))
}
