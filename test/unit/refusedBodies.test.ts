/** Bodies that are refused, and small ones that a busy process must not refuse. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { createBodyBudget } from '../../edge/body/budget.ts';
import { createDroppedBodies } from '../../edge/body/refused.ts';
import { readBytes } from '../../edge/body/stream.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { readBody } from '../../worker/http/io.ts';

const CHUNK = 64 * 1024;

/** A body that is there as soon as it is read, and how much of it was. */
function bodyOf(bytes: number) {
  const body = { read: 0, reader: new ReadableStream<Uint8Array>().getReader() };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (body.read >= bytes) return controller.close();
        body.read += CHUNK;
        controller.enqueue(new Uint8Array(CHUNK));
      },
    },
    { highWaterMark: 0 },
  );
  body.reader = stream.getReader();
  return body;
}

const refusalOf = () => new Response('{"code":"overloaded"}', { status: 503 });

test('every refused caller is answered at once, and the bodies are dropped one behind the other', async () => {
  const dropped = createDroppedBodies();
  const bodies = Array.from({ length: 50 }, () => bodyOf(4_000_000));
  const answers = await Promise.all(
    bodies.map(({ reader }) => dropped.answer(refusalOf(), { reader, rest: 4_000_000 })),
  );
  for (const { status, headers } of answers) {
    assert.equal(status, 503);
    assert.equal(headers.get('connection'), 'close');
    assert.equal(headers.get('content-length'), '21');
  }
  const said = answers.map(({ body }) => body?.getReader());
  for (const reader of said) {
    const { value } = (await reader?.read()) ?? {};
    assert.equal(new TextDecoder().decode(value), '{"code":"overloaded"}');
  }
  assert.deepEqual((await said[0]?.read())?.done, true);
  assert.ok((bodies[0]?.read ?? 0) >= 4_000_000, 'the first body was dropped as a whole');
  assert.equal(bodies.at(-1)?.read, 0, 'the last one was not begun');
  await Promise.all(said.map((reader) => reader?.cancel()));
});

test('time that a body does not take is there for the next', async () => {
  const dropped = createDroppedBodies();
  const begin = performance.now();
  for (let one = 0; one < 3; one++) {
    // It ends long before what was announced.
    const { reader } = bodyOf(CHUNK);
    await (await dropped.answer(refusalOf(), { reader, rest: 1e12 })).text();
  }
  const took = performance.now() - begin;
  assert.ok(took < 1900, `the third waited for ${took} ms behind bodies that had ended`);
});

test('a short rest is dropped before the answer, and the connection stays', async () => {
  const body = bodyOf(2 * CHUNK);
  const answer = await createDroppedBodies().answer(refusalOf(), {
    reader: body.reader,
    rest: 2 * CHUNK,
  });
  assert.equal(body.read, 2 * CHUNK);
  assert.equal(answer.headers.get('connection'), null);
});

test('a body that does not fit beside the others is not begun, and a small one still fits', async () => {
  const limits = { bytes: 100, bytesTogether: 150, seconds: 10 };
  const budget = createBodyBudget(limits);
  budget.lease().hold(80);
  const large = bodyOf(90);
  await assert.rejects(readBytes(large.reader, 90, limits, budget.lease()), /overloaded/);
  assert.equal(large.read, 0);
  const small = new Response(new Uint8Array(20)).body?.getReader();
  assert.ok(small);
  assert.equal((await readBytes(small, 20, limits, budget.lease())).length, 20);
  const tooLarge = createBodyBudget({ ...limits, bytesTogether: 50 });
  const never = readBytes(bodyOf(60).reader, 60, tooLarge.limits, tooLarge.lease());
  await assert.rejects(never, /at most 50 bytes/);
  // What one body can no longer have, as others came meanwhile.
  const [one, other] = [budget.lease(), budget.lease()];
  one.hold(10, 40);
  other.hold(30);
  assert.throws(() => one.hold(10, 30), /overloaded/);
});

describe('a small body that lies in the socket while the process is held', () => {
  const SMALL = 'x'.repeat(183);
  let handle: (request: IncomingMessage) => Promise<number> = async () => 0;
  const server = createServer((request, response) => {
    handle(request).then(
      (bytes) => response.end(String(bytes)),
      (error: unknown) =>
        response.end(error instanceof FailureError ? error.failure.detail : String(error)),
    );
  });
  let socket: Socket;
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
  });
  after(() => {
    socket.destroy();
    server.close();
  });

  /** Longer than the body has, in one piece. */
  const holdLoop = (): void =>
    void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);

  const readers: Record<string, (request: IncomingMessage) => Promise<Uint8Array>> = {
    edge: (request) => {
      const limits = { bytes: 1000, bytesTogether: 1000, seconds: 1 };
      const reader = Readable.toWeb(request).getReader() as ReadableStreamDefaultReader<Uint8Array>;
      return readBytes(reader, SMALL.length, limits, createBodyBudget(limits).lease());
    },
    worker: (request) => readBody(request, SMALL.length, 100),
  };
  for (const [name, read] of Object.entries(readers)) {
    test(`is read by the ${name}`, async () => {
      handle = async (request) => {
        const reading = read(request);
        socket.write(SMALL);
        holdLoop();
        return (await reading).length;
      };
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${SMALL.length}\r\n\r\n`);
      const [answer] = await once(socket, 'data');
      assert.match(String(answer), /\r\n\r\n183$/);
    });
  }
});
