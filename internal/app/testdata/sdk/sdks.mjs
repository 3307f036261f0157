// What the two generations of the SDK call the same things.

import { Jellyfin as JellyfinZero } from 'jellyfin-sdk-0';
import { getItemsApi } from 'jellyfin-sdk-0/lib/utils/api/items-api.js';
import { getPlaystateApi } from 'jellyfin-sdk-0/lib/utils/api/playstate-api.js';
import { getQuickConnectApi } from 'jellyfin-sdk-0/lib/utils/api/quick-connect-api.js';
import { getSessionApi as getSessionApiZero } from 'jellyfin-sdk-0/lib/utils/api/session-api.js';
import { getSystemApi as getSystemApiZero } from 'jellyfin-sdk-0/lib/utils/api/system-api.js';
import { getUserApi as getUserApiZero } from 'jellyfin-sdk-0/lib/utils/api/user-api.js';

import { Jellyfin as JellyfinOne } from 'jellyfin-sdk-1';
import { getAuthenticationApi } from 'jellyfin-sdk-1/lib/utils/api/authentication-api.js';
import { getLibraryApi } from 'jellyfin-sdk-1/lib/utils/api/library-api.js';
import { getSessionApi } from 'jellyfin-sdk-1/lib/utils/api/session-api.js';
import { getSystemApi } from 'jellyfin-sdk-1/lib/utils/api/system-api.js';
import { getUserApi } from 'jellyfin-sdk-1/lib/utils/api/user-api.js';
import { OutboundWebSocketMessageType } from 'jellyfin-sdk-1/lib/websocket/types.js';

import WebSocket from 'ws';

// The SDK takes the browser's WebSocket, which this Node may not have.
globalThis.WebSocket ??= WebSocket;

// 0.12.0 sends its header with what needs no token only when it is told to, and
// has no socket of its own: apps open one themselves.
class Zero {
  constructor(base, info) {
    this.api = new JellyfinZero(info).createApi(base);
  }
  get named() {
    return { headers: { Authorization: this.api.authorizationHeader } };
  }
  use(token) {
    this.api.accessToken = token;
  }
  publicInfo = () => getSystemApiZero(this.api).getPublicSystemInfo();
  signIn = (name, password) => this.api.authenticateUserByName(name, password);
  quickEnabled = () => getQuickConnectApi(this.api).getQuickConnectEnabled();
  initiate = () => getQuickConnectApi(this.api).initiateQuickConnect(this.named);
  state = (secret) => getQuickConnectApi(this.api).getQuickConnectState({ secret });
  redeem = (Secret) => getUserApiZero(this.api).authenticateWithQuickConnect({ quickConnectDto: { Secret } });
  me = () => getUserApiZero(this.api).getCurrentUser();
  items = (query) => getItemsApi(this.api).getItems(query);
  started = (info) => getPlaystateApi(this.api).reportPlaybackStart({ playbackStartInfo: info });
  progress = (info) => getPlaystateApi(this.api).reportPlaybackProgress({ playbackProgressInfo: info });
  stopped = (info) => getPlaystateApi(this.api).reportPlaybackStopped({ playbackStopInfo: info });
  logout = () => getSessionApiZero(this.api).reportSessionEnded();

  socket(parameter, heard) {
    const query = { [parameter]: this.api.accessToken, deviceId: this.api.deviceInfo.id };
    const socket = new WebSocket(this.api.getUri('/socket', query).replace(/^http/, 'ws'));
    const closed = new Promise((resolve) => socket.addEventListener('close', (event) => resolve(event.code)));
    socket.addEventListener('message', (event) => heard(JSON.parse(event.data).MessageType));
    return { closed, end: () => socket.close() };
  }
}

// 1.0.0 always sends its header, and opens the socket with the first that
// listens. It keeps what holds a socket open to itself.
class One {
  constructor(base, info) {
    this.api = new JellyfinOne(info).createApi(base);
  }
  use(token) {
    this.api.update({ accessToken: token });
  }
  publicInfo = () => getSystemApi(this.api).getPublicSystemInfo();
  signIn = (name, password) =>
    getAuthenticationApi(this.api).authenticateUserByName({ authenticateUserByName: { Username: name, Pw: password } });
  quickEnabled = () => getAuthenticationApi(this.api).getQuickConnectEnabled();
  initiate = () => getAuthenticationApi(this.api).initiateQuickConnect();
  state = (secret) => getAuthenticationApi(this.api).getQuickConnectState({ secret });
  redeem = (Secret) => getAuthenticationApi(this.api).authenticateWithQuickConnect({ quickConnectDto: { Secret } });
  me = () => getUserApi(this.api).getCurrentUser();
  items = (query) => getLibraryApi(this.api).getItems(query);
  started = (info) => getSessionApi(this.api).reportPlaybackStart({ playbackStartInfo: info });
  progress = (info) => getSessionApi(this.api).reportPlaybackProgress({ playbackProgressInfo: info });
  stopped = (info) => getSessionApi(this.api).reportPlaybackStopped({ playbackStopInfo: info });
  logout = () => getSessionApi(this.api).reportSessionEnded();

  socket(_, heard) {
    const { LibraryChanged } = OutboundWebSocketMessageType;
    const unsubscribe = this.api.subscribe([LibraryChanged], (message) => heard(message.MessageType));
    const closed = new Promise((resolve) => {
      this.api.webSocket.onStatusChange((status) => {
        if (status === WebSocket.OPEN) heard('ForceKeepAlive'); // which the SDK answers by itself
        if (status === 'disconnected') resolve(1001);
      });
    });
    return { closed, end: unsubscribe };
  }
}

export const sdks = { '0.12.0': Zero, '1.0.0': One };
