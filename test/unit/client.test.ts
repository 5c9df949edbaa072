/** The client against a scripted `fetch`: event streams cut anywhere, problems, and what is sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createClient,
  createEventParser,
  ProblemError,
  readEvents,
} from '../../shared/client/index.ts';
import { fc } from '../support/properties.ts';

const encoder = new TextEncoder();

/** A body that arrives in the given pieces. */
const bodyOf = (
  pieces: readonly Uint8Array[],
  onCancel = (): void => {},
): ReadableStream<Uint8Array> => {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      const piece = pieces[next++];
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
    cancel: onCancel,
  });
};

interface Sent {
  url: string;
  headers: Headers;
  method: string | undefined;
  body: unknown;
}

/** A client whose requests are recorded and answered by `answer`. */
function scripted(answer: () => Response, options: { baseUrl?: string } = {}) {
  const sent: Sent[] = [];
  const client = createClient({
    baseUrl: 'http://edge.test/',
    ...options,
    fetch: async (input, init) => {
      sent.push({
        url: String(input),
        headers: new Headers(init?.headers),
        method: init?.method,
        body: typeof init?.body === 'string' ? JSON.parse(init.body) : undefined,
      });
      init?.signal?.throwIfAborted();
      return answer();
    },
  });
  return { client, sent };
}

const request = { inputs: { caption: 'a red sphere' }, targets: ['depth'] };
const result = { id: 'abc', seed: 7, outputs: { depth: [] } };
const eventStream = (text: string): Response =>
  new Response(bodyOf([encoder.encode(text)]), {
    headers: { 'content-type': 'text/event-stream', 'cache-status': '4m; hit' },
  });

test('events are read as the standard says: fields, comments, several data lines, BOM', () => {
  const events = createEventParser().push(
    '\uFEFF: a comment\nevent: one\ndata: a\ndata:b\ndata\n\ndata:  two spaces\nid: 3\n\nevent: no data\n\n',
  );
  assert.deepEqual(events, [
    { event: 'one', data: 'a\nb\n' },
    { event: 'message', data: ' two spaces', id: '3' },
  ]);
});

test('an event is only complete with its blank line', () => {
  const parser = createEventParser();
  assert.deepEqual(parser.push('data: x\n'), []);
  assert.deepEqual(parser.push('\r\n'), [{ event: 'message', data: 'x' }]);
});

test('events do not depend on where bytes are cut nor on the line ending', async () => {
  const lines = [
    'event: größe',
    'data: {"a":"日本 🚀"}',
    'data: second',
    '',
    'data: x',
    '',
    'data: lost',
  ];
  const expected = [
    { event: 'größe', data: '{"a":"日本 🚀"}\nsecond' },
    { event: 'message', data: 'x' },
  ];
  const ending = fc.constantFrom('\n', '\r', '\r\n');
  await fc.assert(
    fc.asyncProperty(ending, fc.array(fc.nat(200), { maxLength: 40 }), async (end, cuts) => {
      const bytes = encoder.encode(lines.map((line) => line + end).join(''));
      const places = [
        0,
        ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b),
        bytes.length,
      ];
      const pieces = places.slice(1).map((place, i) => bytes.slice(places[i]!, place));
      const events = [];
      for await (const event of readEvents(bodyOf(pieces))) events.push(event);
      assert.deepEqual(events, expected);
    }),
    // An empty piece between the halves of a CRLF, besides the random ones.
    { numRuns: 300, examples: [['\r\n', [15, 15]]] },
  );
});

test('a reader that stops early cancels the body, so that the server sees its caller go', async () => {
  let cancelled = false;
  const body = bodyOf([encoder.encode('data: 1\n\n'), encoder.encode('data: 2\n\n')], () => {
    cancelled = true;
  });
  for await (const event of readEvents(body)) {
    assert.equal(event.data, '1');
    break;
  }
  assert.equal(cancelled, true);
});

test('generate without progress posts JSON and answers JSON', async () => {
  const { client, sent } = scripted(() => Response.json(result));
  assert.deepEqual(await client.generate(request), result);
  assert.equal(sent[0]!.url, 'http://edge.test/v1/generate');
  assert.equal(sent[0]!.method, 'POST');
  assert.equal(sent[0]!.headers.get('accept'), 'application/json');
  assert.equal(sent[0]!.headers.get('content-type'), 'application/json');
  assert.deepEqual(sent[0]!.body, request);
});

test('generate with progress reports every step, then the result', async () => {
  const progress = [1, 2].map((step) => ({ target: 'depth', step, steps: 2, fraction: step / 2 }));
  const text = [
    ...progress.map((event) => `event: progress\ndata: ${JSON.stringify(event)}\n\n`),
    `event: result\ndata: ${JSON.stringify(result)}\n\n`,
  ].join('');
  const { client, sent } = scripted(() => eventStream(text));
  const seen: unknown[] = [];
  let cacheStatus: string | null = null;
  const answer = await client.generate(request, {
    onProgress: (event) => seen.push(event),
    onHeaders: (headers) => {
      cacheStatus = headers.get('cache-status');
    },
  });
  assert.deepEqual(answer, result);
  assert.deepEqual(seen, progress);
  assert.equal(cacheStatus, '4m; hit');
  assert.equal(sent[0]!.headers.get('accept'), 'text/event-stream');
});

test('a stored result answered as JSON is read although events were asked for', async () => {
  const { client } = scripted(() => Response.json(result));
  assert.deepEqual(await client.generate(request, { onProgress: () => {} }), result);
});

const problem = {
  type: '/docs#unknown_target',
  title: 'The model has no such target modality',
  status: 400,
  detail: 'sound is not known',
  code: 'unknown_target',
  retryable: false,
  request_id: 'r1',
  errors: [{ pointer: '/targets/0', detail: 'not known' }],
};
const problemOf = async (answer: () => Response, onProgress?: () => void) => {
  const { client } = scripted(answer);
  const error = await client.generate(request, { ...(onProgress && { onProgress }) }).then(
    () => assert.fail('answered'),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof ProblemError);
  return error.problem;
};

test('a problem is thrown as it was answered, from a status or from the stream', async () => {
  const headers = { 'content-type': 'application/problem+json' };
  const answered = await problemOf(() => Response.json(problem, { status: 400, headers }));
  assert.deepEqual(answered, problem);
  const streamed = await problemOf(
    () => eventStream(`event: problem\ndata: ${JSON.stringify(problem)}\n\n`),
    () => {},
  );
  assert.deepEqual(streamed, problem);
});

test("a proxy's page and a stream without a result become problems too", async () => {
  const page = await problemOf(() => new Response('<h1>Bad gateway</h1>', { status: 502 }));
  assert.deepEqual([page.code, page.status, page.retryable], ['worker_unavailable', 502, true]);
  const cut = await problemOf(
    () => eventStream('event: result\ndata: {"id"'),
    () => {},
  );
  assert.deepEqual([cut.code, cut.retryable], ['worker_unavailable', true]);
});

test('an aborted request throws the abort, not a problem', async () => {
  const { client } = scripted(() => Response.json(result));
  const signal = AbortSignal.abort();
  await assert.rejects(client.generate(request, { signal }), { name: 'AbortError' });
});

test('models and modalities are read with GET', async () => {
  const { client, sent } = scripted(() => Response.json({ models: [] }), { baseUrl: '' });
  await client.models();
  await client.model('a/b');
  await client.modalities();
  assert.deepEqual(
    sent.map(({ url, method }) => [url, method]),
    [
      ['/v1/models', undefined],
      ['/v1/models/a%2Fb', undefined],
      ['/v1/modalities', undefined],
    ],
  );
});
