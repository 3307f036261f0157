// Acts as jellyfin-web does with what it finds in the browser: checks the stored
// session on every load, shows who is signed in, and the login page otherwise.
'use strict';

const filmId = '5ddab896189b392454d51f2d55d9acf1';
const songId = '93b93ec5a6e2bd7e5b5b0e0f2f5a1c47';
const pollEvery = 5000;

let server;
let socket;
let polling;

function show(page, state) {
  for (const section of document.querySelectorAll('main > section')) {
    section.hidden = section.id !== page;
  }
  document.body.dataset.state = state;
}

function trouble(text) {
  $('#troubleText').textContent = text;
  show('trouble', 'error');
}

function toast(text) {
  $('#toast').textContent = text;
  $('#toast').hidden = !text;
}

async function start() {
  const config = await (await fetch('config.json', { headers: { 'Cache-Control': 'no-store' } })).json();
  const address = serverAddress(config);
  const response = await fetch(address + '/System/Info/Public', { cache: 'no-cache' });
  if (!response.ok) {
    trouble("We're unable to connect to the selected server right now.");
    return;
  }
  server = new Server(address, await response.json());
  $('#serverName').textContent = `${server.info.ServerName} ${server.info.Version}`;
  if (server.info.StartupWizardCompleted === false) {
    trouble('Welcome to Jellyfin! The start-up wizard of this server is still open.');
    return;
  }
  await applyBranding();
  await resume();
}

// Goes on with the stored session if it is still good; any doubt ends it.
async function resume() {
  const { credentials, entry } = server.stored();
  if (entry.Id && entry.Id !== server.info.Id) {
    trouble('ServerMismatch: the server at this address is another one.');
    return;
  }
  entry.Id = server.info.Id;
  storage.write(credentials);
  if (localStorage.getItem('enableAutoLogin') === 'false') {
    server.forget();
  }
  const { AccessToken: token, UserId: userId } = server.stored().entry;
  if (!token) {
    await login();
    return;
  }
  try {
    await server.json('/System/Info', { token });
  } catch {
    server.forget();
    await login();
    return;
  }
  await home(token, userId);
}

async function home(token, userId) {
  // An address of the signed-in part is kept, as jellyfin-web's router does.
  if (!/^#\/(?!login)./.test(location.hash)) location.hash = '#/home';
  toast('');
  $('#home').dataset.user = '';
  $('#userName').textContent = 'somebody';
  $('#deviceId').textContent = device.id();
  server.fetch('/Sessions/Capabilities/Full', {
    method: 'POST', token, body: { PlayableMediaTypes: ['Audio', 'Video'], SupportedCommands: [], SupportsMediaControl: true }
  });
  if (userId) {
    const user = await server.json(`/Users/${userId}`, { token });
    localStorage.setItem(`user-${user.Id}-${server.info.Id}`, JSON.stringify(user));
    $('#userName').textContent = user.Name;
    $('#home').dataset.user = user.Name;
    openSocket(token);
    const item = await server.json(`/Users/${userId}/Items/${filmId}`, { token });
    $('#filmName').textContent = item.Name;
  }
  $('#screen').replaceChildren(player('video', 'film', `/Videos/${filmId}/stream.webm?Static=true&mediaSourceId=${filmId}&ApiKey=${token}`));
  $('#speaker').replaceChildren(player('audio', 'song', `/Audio/${songId}/stream.wav?Static=true&ApiKey=${token}`));
  show('home', 'home');
}

// Media elements send no headers: the token is in the address.
function player(kind, id, path) {
  const media = document.createElement(kind);
  Object.assign(media, { id, controls: true, muted: kind === 'video', playsInline: true, preload: kind === 'video' ? 'auto' : 'none' });
  for (const [event, text] of [['playing', 'playing'], ['pause', 'paused'], ['ended', 'played to the end'], ['error', 'cannot be played']]) {
    media.addEventListener(event, () => {
      $('#filmState').textContent = text;
      $('#home').dataset[id] = event;
    });
  }
  media.src = server.address + path;
  return media;
}

// The browser keeps the socket alive as the server asks it to.
function openSocket(token) {
  const opened = new WebSocket(server.socketURL(token));
  let timer;
  const state = text => {
    $('#socketState').textContent = text;
    $('#home').dataset.socket = text;
  };
  socket = opened;
  opened.onopen = () => state('open');
  opened.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.MessageType === 'ForceKeepAlive') {
      const keep = () => opened.send(JSON.stringify({ MessageType: 'KeepAlive' }));
      keep();
      clearInterval(timer);
      timer = setInterval(keep, message.Data * 500);
    }
  };
  opened.onclose = () => {
    clearInterval(timer);
    if (socket === opened) {
      state('closed');
    }
  };
}

// Signing out asks the server, whatever it says, forgets, and shows the login
// page without loading a document. Version 12 asks twice.
async function logout() {
  const token = server.stored().entry.AccessToken;
  for (let i = 0; i < (server.modern ? 2 : 1); i++) {
    await server.fetch('/Sessions/Logout', { method: 'POST', token }).catch(() => {});
  }
  server.forget();
  for (const media of [$('#film'), $('#song')]) {
    media.pause();
    media.remove();
  }
  await login();
}

async function login() {
  location.hash = '#/login';
  stopPolling();
  toast('');
  $('.manualLoginForm').reset();
  const [quick, users] = await Promise.all([
    server.json('/QuickConnect/Enabled').catch(() => false),
    server.json('/users/public', { bare: true }).catch(() => []),
    applyBranding()
  ]);
  $('.btnQuick').hidden = quick !== true;
  const tiles = $('.visualLoginForm');
  tiles.hidden = users.length === 0;
  tiles.replaceChildren(...users.map(user => {
    const tile = document.createElement('button');
    tile.type = 'button';
    tile.className = 'raised block card';
    tile.textContent = user.Name;
    tile.onclick = () => {
      $('#txtManualName').value = user.Name;
      $('#txtManualPassword').focus();
      if (!user.HasPassword) {
        signIn(user.Name, '');
      }
    };
    return tile;
  }));
  show('loginPage', 'login');
}

async function applyBranding() {
  const branding = await server.json('/Branding/Configuration').catch(() => ({}));
  disclaimer.show($('.loginDisclaimer'), branding.LoginDisclaimer);
  let style = $('#cssBranding');
  if (!style) {
    style = document.createElement('style');
    style.id = 'cssBranding';
    document.body.append(style);
  }
  style.textContent = branding.CustomCss || '';
}

async function signIn(name, password) {
  await finish(server.json('/Users/authenticatebyname', { method: 'POST', body: { Username: name, Pw: password } }));
}

async function finish(answer) {
  const messages = {
    401: 'Invalid username or password. Please try again.',
    403: 'You are not authorized to access the server at this time. Please contact your server administrator for more information.'
  };
  try {
    const result = await answer;
    localStorage.setItem('enableAutoLogin', String($('#chkRememberLogin').checked));
    server.remember(result);
    await home(result.AccessToken, result.User.Id);
  } catch (error) {
    toast(messages[error.status] || "We're unable to connect to the selected server right now. Please ensure it is running and try again.");
  }
}

async function quickConnect() {
  let request;
  try {
    request = await server.json('/QuickConnect/Initiate', { method: 'POST' });
  } catch {
    toast('Quick Connect is not active on this server');
    return;
  }
  $('#quickCode').textContent = request.Code;
  $('#quickCode').hidden = false;
  stopPolling(true);
  polling = setInterval(async () => {
    try {
      const state = await server.json(`/QuickConnect/Connect?Secret=${request.Secret}`);
      if (state.Authenticated) {
        stopPolling();
        await finish(server.json('/Users/AuthenticateWithQuickConnect', { method: 'POST', body: { Secret: request.Secret } }));
      }
    } catch {
      stopPolling();
      toast('Quick Connect was deactivated before the login request could be approved.');
    }
  }, pollEvery);
}

function stopPolling(keepCode) {
  clearInterval(polling);
  $('#quickCode').hidden = !keepCode;
}

$('.manualLoginForm').addEventListener('submit', event => {
  event.preventDefault();
  signIn($('#txtManualName').value, $('#txtManualPassword').value);
});
$('.btnQuick').addEventListener('click', quickConnect);
$('.btnForgotPassword').addEventListener('click', () => toast('Ask whoever runs this server.'));
$('#logout').addEventListener('click', logout);
$('#play').addEventListener('click', () => $('#film').play());

start().catch(error => trouble(`We're unable to connect to the selected server right now. (${error.message})`));
