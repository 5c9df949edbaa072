/** Events of a worker are read to their end: its connection serves later requests, and what breaks behind a result is no matter. */
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import * as z from 'zod';
import { readAnswer } from '../../edge/dispatch/tasks.ts';

const schema = z.object({ made: z.number() });
const RESULT = 'event: result\ndata: {"made":1}\n\n';

/** Asks a server so many times, one after another. @returns the connections that it took */
async function connectionsOf(times: number, end: (response: ServerResponse) => void) {
  let connections = 0;
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(RESULT);
    // The end comes in a packet of its own.
    setTimeout(end, 20, response);
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    for (let i = 0; i < times; i++) {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'asked' });
      const outcome = await readAnswer(answer, { schema }, () => {});
      assert.deepEqual(outcome, { ok: true, value: { made: 1 } });
    }
    return connections;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('connections to a worker serve request after request', async () => {
  // A second one is made where the first has told of its end and is not free yet.
  assert.ok((await connectionsOf(8, (response) => response.end())) <= 2);
});

test('a connection that breaks behind the result takes nothing from it', async () => {
  assert.ok((await connectionsOf(2, (response) => response.destroy())) >= 2);
});

test('events are read whole wherever their bytes are cut', async () => {
  const named = z.object({ made: z.string() });
  const text =
    'event: progress\ndata: {"target":"é","step":1,"steps":2,"fraction":0.5}\n\nevent: result\ndata: {"made":"é 🎨"}\n\n';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= bytes.length; size++) {
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const headers = new Headers({ 'content-type': 'text/event-stream' });
    const answer = { ok: true, status: 200, headers, body: body(), text: async () => text };
    const told: unknown[] = [];
    const outcome = await readAnswer(answer, { schema: named }, (progress) => told.push(progress));
    assert.deepEqual(outcome, { ok: true, value: { made: 'é 🎨' } });
    assert.deepEqual(told, [{ target: 'é', step: 1, steps: 2, fraction: 0.5 }]);
  }
});
