/** Calls of tools that nobody waits for any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { freshPicture } from '../support/pictures.ts';
import { until } from '../support/waiting.ts';
import { connect } from './mcp.ts';
import type { Fixture } from './suite.ts';

/** @param tellsLeaving whether the edge learns that a caller has gone */
export function mcpLeavingTests(f: Fixture, tellsLeaving: boolean): void {
  test('the work stops when its caller has gone', {
    skip: !tellsLeaving && 'nobody tells the edge',
  }, async () => {
    const client = await connect(f.url);
    for (const onprogress of [undefined, () => {}]) {
      const gone = f.worker.gone.length;
      f.worker.gate = new Promise(() => {});
      const leaving = new AbortController();
      const asked = f.worker.asked.length;
      const calling = client.callTool(
        { name: 'perceive', arguments: { picture: freshPicture().url, targets: ['depth'] } },
        undefined,
        { signal: leaving.signal, ...(onprogress && { onprogress }) },
      );
      calling.catch(() => {});
      await until(() => f.worker.asked.length > asked, 'the worker was asked');
      leaving.abort();
      // The client says so in a message of its own, and its connection ends with it.
      await client.transport?.close();
      await until(() => f.worker.gone.length > gone, 'the worker was left');
      assert.equal(f.worker.gone.length, gone + 1);
      f.worker.gate = undefined;
      await client.close();
      await client.connect(
        new StreamableHTTPClientTransport(new URL(`${f.url}/mcp`)) as unknown as Parameters<
          Client['connect']
        >[0],
      );
    }
    await client.close();
  });

  test('a call is cancelled by the message of its client, and by nobody else', {
    skip: !tellsLeaving && 'a process of workerd cannot stop the work of another request',
  }, async () => {
    const client = await connect(f.url);
    const stranger = await connect(f.url);
    for (const onprogress of [undefined, () => {}]) {
      const gone = f.worker.gone.length;
      const asked = f.worker.asked.length;
      f.worker.gate = new Promise(() => {});
      const leaving = new AbortController();
      const calling = client.callTool(
        { name: 'perceive', arguments: { picture: freshPicture().url, targets: ['depth'] } },
        undefined,
        { signal: leaving.signal, ...(onprogress && { onprogress }) },
      );
      const ended = calling.catch((error: unknown) => String(error));
      await until(() => f.worker.asked.length > asked, 'the worker was asked');
      for (let requestId = 0; requestId < 10; requestId++)
        await stranger.notification({ method: 'notifications/cancelled', params: { requestId } });
      await pause(100);
      assert.equal(f.worker.gone.length, gone, 'it goes on');
      leaving.abort('enough');
      assert.match(String(await ended), /enough/);
      // The connection stays open: it is the message that stops the work.
      await until(() => f.worker.gone.length > gone, 'the worker was left');
      assert.equal(f.worker.gone.length, gone + 1);
      f.worker.gate = undefined;
      assert.deepEqual((await client.listTools()).tools.length, 6);
    }
    await client.close();
    await stranger.close();
  });
}
