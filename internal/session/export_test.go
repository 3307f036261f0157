package session

// Cached is how many sessions m holds in memory.
func Cached(m *Manager) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.cache)
}
