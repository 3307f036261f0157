// What jellyfin-web keeps in the browser, and how it talks to the server.
'use strict';

const $ = selector => document.querySelector(selector);

const storage = {
  read() {
    try {
      const list = JSON.parse(localStorage.getItem('jellyfin_credentials')) || {};
      return Array.isArray(list.Servers) ? list : { Servers: [] };
    } catch {
      return { Servers: [] };
    }
  },
  write(credentials) {
    localStorage.setItem('jellyfin_credentials', JSON.stringify(credentials));
  },
  // The device id is made once and kept through log-outs.
  deviceId() {
    let id = localStorage.getItem('_deviceId2');
    if (!id) {
      id = btoa(navigator.userAgent + '|' + Date.now()).replaceAll('=', '1');
      localStorage.setItem('_deviceId2', id);
    }
    return id;
  }
};

// The address that the server must be stored under: config.json's if it names
// one, else this page's, cut at the last "/web".
function serverAddress(config) {
  if (config.servers && config.servers.length) {
    return config.servers[0];
  }
  const at = location.href.toLowerCase().lastIndexOf('/web');
  return at < 0 ? location.origin : location.href.substring(0, at);
}

function deviceName() {
  const agent = navigator.userAgent;
  const names = [['Edg/', 'Edge Chromium'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']];
  const found = names.find(([mark]) => agent.includes(mark));
  return found ? found[1] : 'Web Browser';
}

// What the app says that shows this page; it may know only some of it.
function shell(method) {
  const host = window.NativeShell && window.NativeShell.AppHost;
  return host && typeof host[method] === 'function' ? host[method]() : '';
}

const device = {
  client: () => shell('appName') || 'Jellyfin Web',
  name: () => shell('deviceName') || deviceName(),
  id: () => shell('deviceId') || storage.deviceId()
};

class Server {
  constructor(address, info) {
    this.address = address;
    this.info = info;
    this.modern = parseInt(info.Version, 10) >= 12;
  }

  // The header is raw in 10.11 and percent-encoded in 12.
  authorization(token) {
    const encode = this.modern ? encodeURIComponent : value => value;
    const parts = [
      ['Client', device.client()], ['Device', device.name()], ['DeviceId', device.id()], ['Version', shell('appVersion') || this.info.Version]
    ];
    if (token) {
      parts.push(['Token', token]);
    }
    return 'MediaBrowser ' + parts.map(([key, value]) => `${key}="${encode(value)}"`).join(', ');
  }

  async fetch(path, { method = 'GET', token, body, bare } = {}) {
    const headers = { Accept: 'application/json' };
    if (!bare) {
      headers.Authorization = this.authorization(token);
    }
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
    }
    return fetch(this.address + path, {
      method, headers, credentials: 'same-origin', body: body === undefined ? undefined : JSON.stringify(body)
    });
  }

  async json(path, options) {
    const response = await this.fetch(path, options);
    if (!response.ok) {
      throw Object.assign(new Error(`${path}: ${response.status}`), { status: response.status });
    }
    return response.json();
  }

  socketURL(token) {
    const base = this.address.replace(/^http/, 'ws');
    return this.modern ? `${base}/socket?ApiKey=${token}` : `${base}/socket?api_key=${token}&deviceId=${encodeURIComponent(device.id())}`;
  }

  // Finds this server among the stored ones. If it is not there under exactly
  // this address, the list is overwritten, and whoever was signed in is not.
  stored() {
    const credentials = storage.read();
    const same = url => typeof url === 'string' && url.toLowerCase() === this.address.toLowerCase();
    let entry = credentials.Servers.find(s => same(s.ManualAddress) || same(s.LocalAddress) || same(s.RemoteAddress));
    if (!entry) {
      entry = { ManualAddress: this.address, manualAddressOnly: true, LastConnectionMode: 2 };
      credentials.Servers = [entry];
    }
    return { credentials, entry };
  }

  remember(result) {
    const { credentials, entry } = this.stored();
    Object.assign(entry, {
      Id: this.info.Id, Name: this.info.ServerName, DateLastAccessed: Date.now(),
      AccessToken: result.AccessToken, UserId: result.User.Id
    });
    storage.write(credentials);
  }

  forget() {
    const { credentials, entry } = this.stored();
    if (entry.UserId) {
      localStorage.removeItem(`user-${entry.UserId}-${entry.Id}`);
    }
    entry.AccessToken = null;
    entry.UserId = null;
    storage.write(credentials);
  }
}
