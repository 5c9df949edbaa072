/** Requests that say that they are lines of a batch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signLine } from '../../shared/api/lineHeaders.ts';
import { SECRET } from '../support/fakeWorker.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

export function lineTests(f: Fixture): void {
  let seed = 600_000;
  const generate = () => ({ inputs: { caption: 'a line' }, targets: ['depth'], seed: seed++ });

  test('batches: a line that nobody signed, or that was changed, is refused', async () => {
    const path = '/v1/generate';
    const body = new TextEncoder().encode(JSON.stringify(generate()));
    const now = Date.now() / 1000;
    const ask = (headers: Record<string, string>, sent = body) =>
      fetch(`${f.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: sent,
      });
    const good = await signLine(SECRET, path, 'default', body, now);
    assert.equal((await ask(good)).status, 200);
    assert.equal(f.worker.asked.at(-1)?.priority, 'batch');
    assert.equal(f.worker.asked.at(-1)?.tenant, 'default');
    const other = new TextEncoder().encode(JSON.stringify(generate()));
    await problemOf(await ask({ 'x-4m-tenant': 'default' }), 'unauthorized');
    await problemOf(await ask({ ...good, 'x-4m-tenant': 'another' }), 'unauthorized');
    await problemOf(await ask(good, other), 'unauthorized');
    await problemOf(
      await ask(await signLine('another secret', path, 'default', body, now)),
      'unauthorized',
    );
    await problemOf(
      await ask(await signLine(SECRET, '/v1/embed', 'default', body, now)),
      'unauthorized',
    );
    await problemOf(
      await ask(await signLine(SECRET, path, 'default', body, now - 3600)),
      'unauthorized',
    );
  });
}
