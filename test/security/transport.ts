/** What comes before HTTP has a meaning: smuggled, slow, old, and odd requests on connections of their own. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Route } from '../../shared/api/route.ts';
import { type Asked, ask, converse, statusesIn } from './ask.ts';
import { BODY_SECONDS, type Place, problemIn } from './place.ts';
import type { Valid } from './valid.ts';

const HIDDEN = 'GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-smuggled: yes\r\n\r\n';

/** Heads whose length can be read in two ways, and what follows them. */
function smuggled(path: string): Record<string, string> {
  const head = (lines: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${lines}\r\n\r\n`;
  const chunked = `0\r\n\r\n${HIDDEN}`;
  return {
    'both lengths': head('content-length: 4\r\ntransfer-encoding: chunked') + chunked,
    'both, the other way round':
      head(`transfer-encoding: chunked\r\ncontent-length: ${chunked.length}`) + chunked,
    'two lengths': `${head('content-length: 2\r\ncontent-length: 60')}{}${HIDDEN}`,
    'a list of lengths': `${head('content-length: 2, 2')}{}${HIDDEN}`,
    'a signed length': `${head('content-length: +2')}{}${HIDDEN}`,
    'a length in hex': `${head('content-length: 0x2')}{}${HIDDEN}`,
    'a length with a space before the colon': `${head('content-length : 2')}{}${HIDDEN}`,
    'an encoding with a tab': `${head('transfer-encoding:\tchunked\r\ncontent-length: 2')}{}${HIDDEN}`,
    'an encoding twice':
      head('transfer-encoding: chunked\r\ntransfer-encoding: identity') + chunked,
    'an encoding that is not the last': head('transfer-encoding: chunked, gzip') + chunked,
    'an encoding that nobody knows': head('transfer-encoding: xchunked') + chunked,
    'an encoding in a folded line': `${head('transfer-encoding:\r\n chunked\r\ncontent-length: 2')}{}${HIDDEN}`,
    'a size beyond numbers': `${head('transfer-encoding: chunked')}ffffffffffffffffff\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
    'a size with a sign': `${head('transfer-encoding: chunked')}-2\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
    'line feeds alone': `POST ${path} HTTP/1.1\nhost: localhost\ncontent-length: 2\n\n{}${HIDDEN}`,
    'a NUL in a header': `${head('x: a\0b\r\ncontent-length: 2')}{}${HIDDEN}`,
    'a return in a header': `${head('x: a\rtransfer-encoding: chunked\r\ncontent-length: 2')}{}${HIDDEN}`,
  };
}

/**
 * Nothing that is hidden in a body is answered as a request, and the connection is not gone on with.
 * @param most the highest status that refuses one
 */
export async function attackSmuggled(place: Place, path: string, most = 499): Promise<void> {
  await Promise.all(
    Object.entries(smuggled(path)).map(async ([what, text]) => {
      const said = await converse(place.url, [text]);
      const statuses = statusesIn(said);
      assert.ok(statuses.length <= 1, `${path} ${what}: ${statuses}`);
      // A parser before the edge may call what it cannot read its own failure.
      for (const status of statuses)
        assert.ok(status >= 400 && status <= most, `${path} ${what}: ${status}`);
    }),
  );
}

/** Heads and bodies that come a byte at a time, for every route at once; others are served meanwhile. */
export async function attackSlowly(
  place: Place,
  routes: readonly { route: Route; valid: Valid }[],
): Promise<void> {
  const { hostname, port } = new URL(place.url);
  const open = (text: string, next: () => string): { done: Promise<string>; end: () => void } => {
    const socket = connect(Number(port), hostname);
    let said = '';
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => {
      said += piece;
    });
    socket.on('error', () => {});
    socket.write(text, 'latin1');
    const timer = setInterval(() => socket.write(next()), 400);
    const done = new Promise<string>((resolve) => {
      socket.once('close', () => {
        clearInterval(timer);
        resolve(said);
      });
    });
    return { done, end: () => socket.destroy() };
  };
  const bodies = routes.map(({ route, valid: { asked } }) => ({
    id: route.id,
    ...open(
      `${route.method} ${asked.path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${place.keys.one}\r\ncontent-type: ${asked.headers?.['content-type']}\r\ncontent-length: 1000\r\n\r\n`,
      () => ' ',
    ),
  }));
  const heads = Array.from({ length: 50 }, () =>
    open('POST /v1/generate HTTP/1.1\r\nhost: localhost\r\n', () => 'x: y\r\n'),
  );
  const idle = Array.from({ length: 100 }, () => open('', () => ''));
  const started = Date.now();
  while (Date.now() - started < BODY_SECONDS * 1000) {
    const health = await ask(place.url, { path: '/healthz' });
    assert.equal(health.status, 200);
    const answer = await place.as(place.keys.one, { path: '/v1/models' });
    assert.equal(answer.status, 200);
    await pause(200);
  }
  const bound = pause(3 * BODY_SECONDS * 1000).then(() => 'still open');
  for (const { id, done, end } of bodies) {
    const said = await Promise.race([done, bound]);
    end();
    assert.match(said, /^HTTP\/1\.1 4\d\d/, `${id}: ${said.slice(0, 200)}`);
  }
  for (const { end } of [...heads, ...idle]) end();
}

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'get',
  'X-HTTP',
  'QUERY',
];

/** Methods that an address does not take. */
export async function attackMethods(
  place: Place,
  path: string,
  taken: ReadonlySet<string>,
  asked: Asked,
): Promise<void> {
  for (const method of METHODS) {
    if (taken.has(method) || (method === 'HEAD' && taken.has('GET'))) continue;
    const said = await converse(place.url, [
      `${method} ${asked.path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer ${place.keys.one}\r\nx-http-method-override: GET\r\ncontent-length: 0\r\n\r\n`,
    ]);
    const [status = 0] = statusesIn(said);
    const what = `${method} ${path}: ${said.slice(0, 300)}`;
    // CORS answers OPTIONS; what is no method to HTTP is refused before it is one to us.
    if (method === 'OPTIONS') assert.equal(status, 204, what);
    else if (/^(get|X-HTTP)$/.test(method)) assert.equal(status, 400, what);
    else {
      assert.equal(status, 405, what);
      const allow = /^allow: (.*)\r$/im.exec(said)?.[1]?.split(', ') ?? [];
      assert.deepEqual(
        new Set(allow.filter((own) => own !== 'HEAD' && own !== 'OPTIONS')),
        taken,
        what,
      );
    }
  }
}

/** Requests of other forms, as proxies and old clients send them. */
export async function attackForms(place: Place): Promise<void> {
  const { one } = place.keys;
  const send = async (line: string, headers = ''): Promise<string> =>
    await converse(place.url, [`${line}\r\n${headers}connection: close\r\n\r\n`]);
  const key = `authorization: Bearer ${one}\r\n`;
  const old = await send('GET /healthz HTTP/1.0');
  assert.match(old, /^HTTP\/1\.1 200/, old);
  // Without a name of the server, whatever is answered is none of another's pages.
  const cases: [string, string, RegExp][] = [
    ['GET /v1/models HTTP/1.0', '', /^HTTP\/1\.1 401/],
    ['GET /healthz HTTP/1.1', '', /^HTTP\/1\.1 400/],
    ['GET /healthz HTTP/3.0', 'host: a\r\n', /^HTTP\/1\.1 (400|505)/],
    [
      'GET http://169.254.169.254/latest/meta-data/ HTTP/1.1',
      'host: localhost\r\n',
      /^HTTP\/1\.1 4\d\d/,
    ],
    [
      'GET http://127.0.0.1:1/internal/models HTTP/1.1',
      `host: localhost\r\n${key}`,
      /^HTTP\/1\.1 404/,
    ],
    ['CONNECT 127.0.0.1:22 HTTP/1.1', 'host: 127.0.0.1:22\r\n', /^($|HTTP\/1\.1 4\d\d)/],
    ['GET //127.0.0.1/v1/models HTTP/1.1', 'host: localhost\r\n', /^HTTP\/1\.1 4\d\d/],
    ['GET /../../etc/passwd HTTP/1.1', 'host: localhost\r\n', /^HTTP\/1\.1 4\d\d/],
    ['GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1', 'host: localhost\r\n', /^HTTP\/1\.1 4\d\d/],
    ['GET /\\..\\..\\etc\\passwd HTTP/1.1', 'host: localhost\r\n', /^HTTP\/1\.1 4\d\d/],
    ['GET /v1/models#x HTTP/1.1', `host: localhost\r\n`, /^HTTP\/1\.1 4\d\d/],
    ['OPTIONS * HTTP/1.1', 'host: localhost\r\n', /^HTTP\/1\.1 [24]\d\d/],
    [`GET /${'a'.repeat(100_000)} HTTP/1.1`, 'host: localhost\r\n', /^HTTP\/1\.1 4\d\d/],
    [
      'GET /healthz HTTP/1.1',
      `host: localhost\r\n${'x: y\r\n'.repeat(3000)}`,
      /^HTTP\/1\.1 [24]\d\d/,
    ],
    [
      'GET /healthz HTTP/1.1',
      `host: localhost\r\nx: ${'y'.repeat(100_000)}\r\n`,
      /^HTTP\/1\.1 4\d\d/,
    ],
    [
      'GET /healthz HTTP/1.1',
      'host: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n',
      /^HTTP\/1\.1 [24]\d\d/,
    ],
    ['PRI * HTTP/2.0', '', /^($|HTTP\/1\.1 [45]\d\d)/],
    ['GET /healthz HTTP/1.1', 'host: localhost\r\nhost: evil.example\r\n', /^HTTP\/1\.1 (400|200)/],
  ];
  for (const [line, headers, wanted] of cases) {
    const said = await send(line, headers);
    const what = `${line.slice(0, 100)} ${headers.slice(0, 60)}: ${said.slice(0, 300)}`;
    assert.match(said, wanted, what);
    assert.doesNotMatch(said, /root:x:0|Internal Server Error/, what);
  }
  for (const host of [
    'a b',
    'evil.example/path',
    'user@evil.example',
    'evil.example:99999',
    '[::1',
    '..',
    'evil.example\\@x',
    '%00',
    'a'.repeat(5000),
    '<script>',
    'evil.example#',
  ]) {
    const said = await send('GET /v1/nothing HTTP/1.1', `host: ${host}\r\n`);
    assert.match(said, /^HTTP\/1\.1 4\d\d/, `host ${host.slice(0, 40)}: ${said.slice(0, 300)}`);
  }
}

/** Headers that are read as numbers, lists or dates somewhere. */
export async function attackHeaders(place: Place, { asked }: Valid, id: string): Promise<void> {
  const isRead = asked.method === 'GET' || id === 'generate';
  const many = Array.from({ length: 700 }, (_, i) => `bytes=${i}-${i}`).join(',');
  const hostile: Record<string, string[]> = {
    range: [
      'bytes=0-',
      'bytes=-1',
      'bytes=9999999999999-',
      'bytes=5-1',
      many.slice(0, 8000),
      'lines=1',
    ],
    'if-none-match': ['*', 'W/"x"', '"', '"a", '.repeat(1000), `"${'\\'.repeat(7000)}`],
    'if-modified-since': ['yesterday', 'Thu, 99 Foo 9999 99:99:99 GMT'],
    'cache-control': [
      'max-age=-1',
      'max-age=99999999999999999999',
      'only-if-cached, no-store, no-cache',
      `${'no-cache,'.repeat(900)}`,
      'max-age="',
    ],
    accept: [
      '',
      ',',
      ';q=',
      '*/*;q=NaN',
      'text/event-stream;q=0',
      `${'a/b;q=0.1,'.repeat(700)}`,
      '__proto__/constructor',
    ],
    prefer: [
      'wait=0',
      'wait=-1',
      'wait=99999',
      'respond-async=1',
      '"\\'.repeat(3500),
      `${'"'.repeat(7000)}`,
      'wait="1',
      `${'a="\\a'.repeat(1500)}`,
    ],
    'x-request-id': ['a'.repeat(7000), '<script>', '../../x', 'a\tb'],
    traceparent: ['00-0-0-0', `00-${'f'.repeat(32)}-${'f'.repeat(16)}-ff`, 'x'.repeat(7000)],
    'last-event-id': ['-1', '99999999999999999999', '__proto__', 'a'.repeat(7000)],
    origin: ['null', 'https://evil.example', 'a'.repeat(5000)],
    'x-forwarded-host': ['evil.example'],
    'x-forwarded-for': ['127.0.0.1', '::1, a, b'],
    'x-4m-tenant': ['other', '', '../other'],
    'content-length': [],
    expect: ['100-continue', 'nonsense'],
  };
  for (const [name, values] of Object.entries(hostile)) {
    // What is made or deleted by each request is tried with one value of each.
    for (const value of isRead ? values : values.slice(0, 1)) {
      const answer = await place.as(place.keys.one, {
        ...asked,
        headers: { ...asked.headers, [name]: value },
      });
      const what = `${id} with ${name}: ${value.slice(0, 40)}: ${answer.status} ${answer.text.slice(0, 300)}`;
      // A stream may be asked for by what is accepted; expectations that nobody meets are 417.
      const isOurs = answer.status === 504 && problemIn(answer, what).code === 'not_cached';
      assert.ok((answer.status >= 200 && answer.status < 500) || isOurs, what);
      assert.doesNotMatch(JSON.stringify(answer.headers), /evil\.example|<script>/, what);
      if (name === 'x-forwarded-host') assert.doesNotMatch(answer.text, /evil\.example/, what);
    }
  }
}
