// As the real one: no fetch handler, nothing is cached.
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()));
