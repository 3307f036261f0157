// jellyfin-web's own record of who is signed in, in the browser's storage.
(function () {
  'use strict';

  var KEY = 'jellyfin_credentials';

  function address() {
    return location.origin + document.body.dataset.base;
  }

  function read() {
    try {
      var stored = JSON.parse(localStorage.getItem(KEY));
      if (stored && typeof stored === 'object' && !Array.isArray(stored)) {
        if (!Array.isArray(stored.Servers)) stored.Servers = [];
        return stored;
      }
    } catch (e) { /* what cannot be read is replaced */ }
    return { Servers: [] };
  }

  function same(entry, text) {
    return typeof entry === 'string' && entry.toLowerCase() === text.toLowerCase();
  }

  function isOurs(entry, serverId) {
    return !!entry && (entry.Id === serverId || same(entry.ManualAddress, address()));
  }

  // save puts this server first, because apps that host jellyfin-web read the
  // first entry, and leaves those of other servers as they are.
  function save(serverId, userId, token) {
    var stored = read();
    var old = stored.Servers.filter(function (s) { return s && s.Id === serverId; })[0] || {};
    var others = stored.Servers.filter(function (s) { return s && !isOurs(s, serverId); });
    stored.Servers = [Object.assign({}, old, {
      ManualAddress: address(),
      manualAddressOnly: true,
      LastConnectionMode: 2,
      DateLastAccessed: Date.now(),
      Id: serverId,
      UserId: userId,
      AccessToken: token
    })].concat(others);
    localStorage.setItem(KEY, JSON.stringify(stored));
    localStorage.setItem('enableAutoLogin', 'true');
  }

  // forget removes this server's token, as jellyfin-web does when it signs out.
  function forget(serverId, userId) {
    var stored = read();
    stored.Servers.forEach(function (s) {
      if (!isOurs(s, serverId)) return;
      s.AccessToken = null;
      s.UserId = null;
    });
    localStorage.setItem(KEY, JSON.stringify(stored));
    localStorage.removeItem('user-' + userId + '-' + serverId);
  }

  window.Jellyward.credentials = { save: save, forget: forget };
})();
