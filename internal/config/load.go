package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	// DefaultFile is read when it exists and no other file is named.
	DefaultFile = "/etc/jellyward/jellyward.yaml"
	// FileVariable is the environment variable that names the file.
	FileVariable = "JELLYWARD_CONFIG"

	systemDataDir = "/var/lib/jellyward"
	keyFileName   = "key"
)

// Options says where [Load] finds settings. The zero value is the defaults and
// [DefaultFile].
type Options struct {
	// File is the YAML file; it must exist. Empty: what [FileVariable] names,
	// else [DefaultFile] if that exists.
	File string
	// Environ is the environment, as from os.Environ.
	Environ []string
	// Flags are settings by their key ("log.level"). They win.
	Flags map[string]string
	// Further checks what only other packages can tell, a tunnel token for
	// example, so that it is reported with everything else. Nil checks nothing.
	Further func(Config) Problems
}

// value is a setting's text and where that was found.
type value struct {
	text  string
	where string // empty when the setting's name says it
}

// Load merges defaults, file, environment and flags, in this order, and
// validates the outcome. Its error is of type [Problems], and then the Config
// holds what could be understood.
func Load(o Options) (Config, error) {
	c, known := Default(), settings()
	env := environ(o.Environ)

	fromFile, problems := loadFile(known, o.File, env)
	fromEnv, more := readEnviron(known, env)
	problems = append(problems, more...)

	values := merge(known, fromFile, fromEnv, flagValues(o.Flags))
	for key := range o.Flags {
		if !slices.ContainsFunc(known, func(s setting) bool { return s.Key == key }) {
			problems = append(problems, Problem{Setting: key, Cause: "is not a setting", Where: "flag"})
		}
	}
	for _, s := range known {
		v, ok := values[s.Key]
		if !ok {
			continue
		}
		if cause, hint := s.set(&c, v.text); cause != "" {
			problems = append(problems, Problem{Setting: s.Key, Cause: cause, Hint: hint, Where: v.where})
		}
	}
	c.fillPaths(dataDir(env, systemDataDir, os.Geteuid() == 0))

	problems = problems.with(c.validate(), values)
	if o.Further != nil {
		problems = problems.with(o.Further(c), values)
	}
	if len(problems) > 0 {
		return c, problems
	}
	return c, nil
}

// merge lays the layers over each other. An empty text is as good as none,
// except where an empty value means something.
func merge(known []setting, layers ...map[string]value) map[string]value {
	merged := make(map[string]value)
	for _, s := range known {
		for _, layer := range layers {
			if v, ok := layer[s.Key]; ok && (v.text != "" || s.EmptyIs) {
				merged[s.Key] = v
			}
		}
	}
	return merged
}

func flagValues(flags map[string]string) map[string]value {
	values := make(map[string]value, len(flags))
	for key, text := range flags {
		values[key] = value{text: text}
	}
	return values
}

// loadFile finds and reads the settings file.
func loadFile(known []setting, path string, env map[string]string) (map[string]value, Problems) {
	named := true
	if path == "" {
		path = env[FileVariable]
	}
	if path == "" {
		path, named = DefaultFile, false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		if !named && errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, Problems{{
			Setting: "settings file " + path,
			Cause:   "cannot be read: " + reason(err),
			Hint:    "name another with --config or " + FileVariable + ", or put this one there",
		}}
	}
	return readYAML(known, path, data)
}

// dataDir chooses where data is kept when no setting says so: the system's
// directory for a service, else the user's own.
func dataDir(env map[string]string, system string, root bool) string {
	if info, err := os.Stat(system); root || (err == nil && info.IsDir()) {
		return system
	}
	if state := env["XDG_STATE_HOME"]; filepath.IsAbs(state) {
		return filepath.Join(state, "jellyward")
	}
	if home := env["HOME"]; filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "jellyward")
	}
	return system
}

// fillPaths sets the paths that follow from others.
func (c *Config) fillPaths(fallback string) {
	if c.DataDir == "" {
		c.DataDir = fallback
	}
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(c.DataDir, keyFileName)
	}
}

// reason strips the operation and path from a file error.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
