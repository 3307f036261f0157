// Drives the real SDK as an app does, from the first look at the server to the
// log-out, once for each way to sign in.
//
// It reads one JSON object from its standard input:
//
//   base      the server's address
//   socket    the query parameter for the socket's token, where apps choose it
//   journeys  a list of { sdk, device, way, … }; the ways are
//             token        { token }           a session from before
//             quickconnect                     somebody allows it elsewhere
//             password     { name, password }  the login form, whatever is typed
//
// and writes one JSON object a line for each step: { journey, step, … }. Whoever
// reads them allows the code of the step "code" and sends a message over the
// socket after the step "socket". A step that fails ends all, with status 1.

import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

import { sdks } from './sdks.mjs';

const patience = 20_000; // milliseconds for what others have to do

function within(what, promise) {
  const late = pause(patience, null, { ref: false }).then(() => {
    throw new Error(`${what}: nothing came`);
  });
  return Promise.race([promise, late]);
}

// signIn gives the client its token, and returns who it was made for.
async function signIn(client, journey, tell) {
  if (journey.way === 'token') {
    client.use(journey.token);
    return;
  }
  const { data } = journey.way === 'password'
    ? await client.signIn(journey.name, journey.password)
    : await quickConnect(client, tell);
  client.use(data.AccessToken);
  tell('signed in', { user: data.User.Name, server: data.ServerId, token: data.AccessToken });
}

async function quickConnect(client, tell) {
  const { data: enabled } = await client.quickEnabled();
  const { data: pending } = await client.initiate();
  tell('code', { enabled, code: pending.Code });
  const end = Date.now() + patience;
  for (;;) {
    const { data: state } = await client.state(pending.Secret);
    if (state.Authenticated) return client.redeem(pending.Secret);
    if (Date.now() > end) throw new Error('nobody allowed the code');
    await pause(50);
  }
}

// listen opens the socket and waits until the server has sent a message of its
// own; the first only says how to keep the socket alive.
function listen(client, parameter, tell) {
  let socket;
  const spoken = new Promise((resolve) => {
    socket = client.socket(parameter, (type) => {
      if (type === 'ForceKeepAlive') tell('socket', {});
      if (type === 'LibraryChanged') resolve();
    });
  });
  return within('a message', spoken).then(() => socket);
}

async function play(client) {
  const { data } = await client.items({ recursive: true, includeItemTypes: ['Movie'] });
  const film = data.Items[0];
  const report = { ItemId: film.Id, PositionTicks: 0, CanSeek: true };
  const statuses = [];
  for (const say of [client.started, client.progress, client.stopped]) {
    statuses.push((await say(report)).status);
  }
  return { films: data.Items.length, film: film.Name, statuses };
}

async function go(order, journey) {
  const tell = (step, facts) => console.log(JSON.stringify({ journey: journey.device, step, ...facts }));
  const client = new sdks[journey.sdk](order.base, {
    clientInfo: { name: 'SDK client', version: journey.sdk },
    deviceInfo: { name: 'Node, a box', id: journey.device },
  });
  const { data: server } = await client.publicInfo();
  tell('public info', { server: server.Id, product: server.ProductName });
  await signIn(client, journey, tell);
  const { data: me } = await client.me();
  tell('me', { user: me.Name });
  const socket = await listen(client, order.socket, tell);
  tell('heard', {});
  tell('played', await play(client));
  const { status } = await client.logout();
  tell('logged out', { status });
  const after = await client.me().then((answer) => answer.status, (error) => error.response?.status);
  await within('the end of the socket', socket.closed);
  socket.end();
  tell('ended', { status: after });
}

const order = JSON.parse(await text(process.stdin));
try {
  for (const journey of order.journeys) await go(order, journey);
} catch (error) {
  const answer = error.response && `${error.response.status} ${JSON.stringify(error.response.data)}`;
  console.error(`${error.config?.method ?? ''} ${error.config?.url ?? ''} ${answer ?? error.stack}`);
  process.exit(1);
}
process.exit(0); // without waiting for connections that are kept
