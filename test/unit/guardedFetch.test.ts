/** Requests to users' addresses: what is refused never leaves, what is allowed is bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type GuardReason, mayPass, type Refused } from '../../shared/guard/refused.ts';
import type { GuardedAnswer } from '../../worker/guard/guardedFetch.ts';
import { guarded, type StandIn, standIn } from '../support/guardStandIns.ts';
import { HOSTILE, NAMES, TO_LOOPBACK } from '../support/hostileAddresses.ts';

const LOCAL = { http: true, loopback: true };

function answered(outcome: GuardedAnswer | Refused): GuardedAnswer {
  assert.ok(outcome.ok, outcome.ok ? '' : `${outcome.reason}: ${outcome.detail}`);
  return outcome;
}

function reasonOf(outcome: GuardedAnswer | Refused): GuardReason {
  assert.ok(!outcome.ok, 'it was answered');
  return outcome.reason;
}

async function withServer(
  answer: Parameters<typeof standIn>[0],
  use: (server: StandIn) => Promise<void>,
  options?: { encrypted: boolean },
): Promise<void> {
  const server = await standIn(answer, options);
  try {
    await use(server);
  } finally {
    await server.close();
  }
}

test('hostile addresses are refused, each with its reason, and nothing is dialled', async () => {
  const { fetch, dialled } = guarded({}, NAMES);
  for (const [url, reason] of [...TO_LOOPBACK, ...HOSTILE])
    assert.equal(reasonOf(await fetch(url)), reason, url.slice(0, 80));
  assert.deepEqual(dialled, []);
});

test('what is allowed besides opens nothing else', async () => {
  const { fetch, dialled } = guarded(LOCAL, NAMES);
  for (const [url, reason] of HOSTILE)
    if (reason !== 'scheme') {
      const plain = url.replace('https:', 'http:');
      assert.equal(reasonOf(await fetch(plain)), reason, plain.slice(0, 80));
    }
  assert.deepEqual(dialled, []);
});

test('an allowed name is dialled at the address that was checked, and at no other', async () => {
  const { fetch, dialled, asked } = guarded({}, NAMES);
  assert.equal(reasonOf(await fetch('https://public.test/a.png')), 'connection');
  assert.deepEqual(dialled, ['93.184.216.34']);
  assert.deepEqual(asked, ['public.test'], 'a name is looked up once for a connection');
});

test('a connection that leads elsewhere than its address is not used', async () => {
  await withServer(
    (_, response) => response.end('secret'),
    async ({ port, seen }) => {
      const led = { connected: port };
      const { fetch } = guarded({ http: true }, NAMES, led);
      assert.equal(reasonOf(await fetch('http://public.test/')), 'address');
      assert.deepEqual(seen, []);
      const { fetch: allowed } = guarded(LOCAL, NAMES, led);
      answered(await allowed('http://public.test/'));
      assert.deepEqual(seen, ['GET public.test/']);
    },
  );
});

test('a name that leads elsewhere at its second lookup is refused then', async () => {
  await withServer(
    (_, response) => response.end('fine'),
    async ({ port, seen }) => {
      const names = { 'rebinds.test': [['127.0.0.1'], ['10.0.0.1']] };
      const { fetch, dialled } = guarded(LOCAL, names);
      const url = `http://rebinds.test:${port}/`;
      assert.equal(Buffer.from(answered(await fetch(url)).body).toString(), 'fine');
      assert.equal(reasonOf(await fetch(url)), 'address');
      assert.equal(seen.length, 1);
      assert.deepEqual(dialled, []);
    },
  );
});

test('redirects are followed when asked for, and each is checked', async () => {
  const targets: Record<string, string> = {
    '/private': 'http://10.0.0.1/',
    '/metadata': 'http://169.254.169.254/latest/meta-data/',
    '/name': 'http://to-private.test/',
    '/scheme': 'file:///etc/passwd',
    '/credentials': 'http://user:secret@here.test/',
    '/nonsense': 'http://[',
    '/loop': '/loop',
    '/once': '/end',
  };
  const headers: string[] = [];
  await withServer(
    ({ url = '', headers: { authorization, host } }, response) => {
      headers.push(`${host?.split(':')[0]}${url} ${authorization}`);
      const location = targets[url];
      if (location === undefined) return void response.end('the end');
      response.writeHead(302, { location }).end();
    },
    async ({ port, seen }) => {
      const names = { ...NAMES, 'here.test': [['127.0.0.1']], 'there.test': [['127.0.0.1']] };
      const { fetch, dialled } = guarded(LOCAL, names);
      const get = (path: string, redirects = 3) =>
        fetch(`http://here.test:${port}${path}`, { redirects, headers: { authorization: 'mine' } });
      for (const path of ['/private', '/metadata', '/name'])
        assert.equal(reasonOf(await get(path)), 'address', path);
      assert.equal(reasonOf(await get('/scheme')), 'scheme');
      assert.equal(reasonOf(await get('/credentials')), 'credentials');
      assert.equal(reasonOf(await get('/nonsense')), 'malformed');
      assert.equal(reasonOf(await get('/loop')), 'redirects');
      assert.equal(seen.filter((one) => one.endsWith('/loop')).length, 4);
      const end = answered(await get('/once'));
      assert.equal(end.url, `http://here.test:${port}/end`);
      const unfollowed = answered(await get('/private', 0));
      assert.equal(unfollowed.status, 302);
      const posted = answered(
        await fetch(`http://here.test:${port}/once`, { method: 'POST', body: 'x', redirects: 3 }),
      );
      assert.equal(posted.status, 302, 'a body is sent to nobody else');
      targets['/away'] = `http://there.test:${port}/end`;
      await get('/away');
      assert.equal(headers.at(-1), 'there.test/end undefined', 'secrets stay with their origin');
      assert.deepEqual(dialled, []);
    },
  );
});

test('https is answered by whoever has the name, and by nobody else', async () => {
  await withServer(
    (request, response) => response.end(`${request.method} ${request.url}`),
    async ({ port }) => {
      const names = { 'pictures.test': [['127.0.0.1']], 'other.test': [['127.0.0.1']] };
      const { fetch } = guarded({ loopback: true }, names);
      const { body } = answered(await fetch(`https://pictures.test:${port}/a?b=c`));
      assert.equal(Buffer.from(body).toString(), 'GET /a?b=c');
      assert.equal(reasonOf(await fetch(`https://other.test:${port}/`)), 'connection');
      assert.equal(reasonOf(await fetch(`http://pictures.test:${port}/`)), 'scheme');
    },
    { encrypted: true },
  );
});

test('bodies are bounded, stated or not, endless or compressed; or cut where that is asked for', async () => {
  await withServer(
    ({ url }, response) => {
      if (url === '/stated') return void response.end(Buffer.alloc(2000));
      if (url === '/exact') return void response.end(Buffer.alloc(1000, 'x'));
      if (url === '/gzip')
        return void response
          .writeHead(200, { 'content-encoding': 'gzip' })
          .end(gzipSync(Buffer.alloc(10_000_000)));
      if (url === '/broken') {
        response.writeHead(200, { 'content-length': '100' }).write('half');
        return void setTimeout(() => response.destroy(), 20);
      }
      const timer = setInterval(() => response.write(Buffer.alloc(300)), 1);
      response.on('close', () => clearInterval(timer));
    },
    async ({ port }) => {
      const { fetch } = guarded(LOCAL);
      const get = (path: string, beyond?: 'cut') =>
        fetch(`http://127.0.0.1:${port}${path}`, { mostBytes: 1000, ...(beyond && { beyond }) });
      assert.equal(reasonOf(await get('/stated')), 'too_large');
      assert.equal(reasonOf(await get('/endless')), 'too_large');
      assert.equal(reasonOf(await get('/gzip')), 'encoding');
      assert.equal(reasonOf(await get('/broken')), 'connection');
      assert.equal(answered(await get('/exact')).body.length, 1000);
      const cut = answered(await get('/endless', 'cut'));
      assert.deepEqual([cut.body.length, cut.cut], [1000, true]);
    },
  );
});

test('silence ends: before a connection, before headers, within a body, and as a whole', async () => {
  await withServer(
    ({ url }, response) => {
      if (url === '/silent') return;
      response.writeHead(200).write('a');
      if (url === '/slow') {
        const timer = setInterval(() => response.write('a'), 20);
        response.on('close', () => clearInterval(timer));
      }
    },
    async ({ port }) => {
      const { fetch } = guarded(LOCAL);
      const get = (path: string, times: Record<string, number>) =>
        fetch(`http://127.0.0.1:${port}${path}`, { times });
      assert.equal(reasonOf(await get('/silent', { headers: 50 })), 'too_slow');
      assert.equal(reasonOf(await get('/stalled', { body: 50 })), 'too_slow');
      assert.equal(reasonOf(await get('/slow', { whole: 200 })), 'too_slow');
      const closed = new AbortController();
      const waiting = fetch(`http://127.0.0.1:${port}/silent`, { signal: closed.signal });
      closed.abort(new Error('the caller has gone'));
      await assert.rejects(waiting, /the caller has gone/);
    },
  );
});

test('a post arrives as it is, and refusals say whether another try may help', async () => {
  await withServer(
    (request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () =>
        response
          .writeHead(410, { 'retry-after': '7' })
          .end(`${request.headers['webhook-id']} ${Buffer.concat(pieces)}`),
      );
    },
    async ({ port, close }) => {
      const { fetch } = guarded(LOCAL);
      const url = `http://127.0.0.1:${port}/`;
      const headers = { 'webhook-id': 'msg_1' };
      const answer = answered(await fetch(url, { method: 'POST', body: '{"a":1}', headers }));
      assert.equal(answer.status, 410);
      assert.equal(answer.headers['retry-after'], '7');
      assert.equal(Buffer.from(answer.body).toString(), 'msg_1 {"a":1}');
      await close();
      const gone = await fetch(url);
      assert.ok(!gone.ok && gone.reason === 'connection' && mayPass(gone));
      const never = await fetch('http://10.0.0.1/');
      assert.ok(!never.ok && !mayPass(never));
    },
  );
});
