package store

import (
	"context"
	"strings"
)

// Version returns what Redis says that it is, for example "7.0.15".
func (s *Store) Version(ctx context.Context) (string, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	info, err := s.client.Info(ctx, "server").Result()
	if err != nil {
		return "", unavailable(err)
	}
	return infoField(info, "redis_version"), nil
}

// Warnings says how this Redis may forget what must not be forgotten: a sentence
// for each, with a way out. A server that does not tell, or is away, gives none.
func (s *Store) Warnings(ctx context.Context) []string {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	var warnings []string
	if info, err := s.client.Info(ctx, "persistence").Result(); err == nil && infoField(info, "aof_enabled") == "0" {
		warnings = append(warnings, "redis keeps no append-only file: a crash may bring spent codes back to life; set appendonly yes and appendfsync always")
	} else if fsync := s.config(ctx, "appendfsync"); err == nil && fsync != "" && fsync != "always" {
		warnings = append(warnings, "redis does not sync every write to disk: a power cut may bring the last second's codes back to life; set appendfsync always")
	}
	info, err := s.client.Info(ctx, "memory").Result()
	policy := infoField(info, "maxmemory_policy")
	if err == nil && infoField(info, "maxmemory") != "0" && policy != "" && policy != "noeviction" {
		warnings = append(warnings, "redis may evict records when its memory is full ("+policy+"): set maxmemory-policy noeviction")
	}
	return warnings
}

// config asks for one of the server's settings, which many hosted ones hide.
func (s *Store) config(ctx context.Context, name string) string {
	return s.client.ConfigGet(ctx, name).Val()[name]
}

// infoField finds a line of INFO's answer, or "".
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if field, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && field == name {
			return value
		}
	}
	return ""
}
