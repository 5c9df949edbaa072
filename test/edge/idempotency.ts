/** Requests that carry an `Idempotency-Key`: what is done once, and answered again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import type { KeyFixture } from './keyUse.ts';
import type { Fixture } from './suite.ts';

const DEPTH = { inputs: { caption: 'a réd sphere' }, targets: ['depth'] };

export function idempotencyTests(f: Fixture, { make, ask, generate, url }: KeyFixture): void {
  test('Idempotency-Key: a string in quotes, or the same without; nothing else', async () => {
    const { secret } = await make('one');
    const random = { ...DEPTH, seed: 'random' };
    const send = (key: string) => generate(secret, random, { 'idempotency-key': key });
    const name = `a "b" \\ ${crypto.randomUUID()}`;
    const quoted = `"${name.replaceAll(/["\\]/g, '\\$&')}"`;
    const first = await (await send(name)).text();
    const again = await send(quoted);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit; detail="replayed"');
    assert.equal(again.headers.get('x-4m-licence'), 'Apache-2.0');
    assert.equal(await again.text(), first);
    assert.equal(
      (await send(`"${'x'.repeat(254)}${secret.at(-1)}"`)).status,
      200,
      '255 characters',
    );
    for (const wrong of ['""', '"', '"x', '"x"y', '"\\x"', '"x";a=1', `"${'x'.repeat(256)}"`])
      await problemOf(await send(wrong), 'invalid_request');
  });

  test('Idempotency-Key: a failure that is final is answered again, one that may pass is not', async () => {
    const { secret } = await make('one');
    for (const [code, isKept] of [
      ['time_limit_exceeded', true],
      ['overloaded', false],
      ['invalid_image', false],
    ] as const) {
      const key = crypto.randomUUID();
      const body = { ...DEPTH, inputs: { caption: key } };
      const send = () => generate(secret, body, { 'idempotency-key': key });
      f.worker.failure = { code, detail: 'of a test' };
      const first = await send();
      f.worker.failure = undefined;
      const problem = await problemOf(first, code);
      const again = await send();
      assert.equal(again.headers.get('idempotent-replayed'), isKept ? 'true' : null, code);
      if (!isKept) assert.equal(again.status, 200);
      else assert.deepEqual([again.status, await again.json()], [problem.status, problem]);
    }
  });

  test('Idempotency-Key: a name of one method and path; other methods do not look at it', async () => {
    const { secret } = await make('one');
    const name = crypto.randomUUID();
    const send = (method: string, path: string, body?: object, key: string = name) =>
      ask(path, secret, {
        ...{ method, headers: { 'idempotency-key': key } },
        ...(body && { body: JSON.stringify(body) }),
      });
    const isAgain = ({ headers }: Response) => headers.get('idempotent-replayed') === 'true';
    const random = { ...DEPTH, seed: 'random' };
    const first = await send('POST', '/v1/generate', random);
    const id = first.headers.get('x-4m-result') ?? '';
    // The same body to another address, to the same one with a query, and to two of the same route.
    const elsewhere = await send('POST', '/v1/embed', random);
    await problemOf(elsewhere, 'invalid_request');
    const withQuery = await send('POST', '/v1/generate?inline=true', random);
    await problemOf(withQuery, 'idempotency_mismatch');
    f.worker.collectionAnswer = { items: 0, failed: 0, errors: [] };
    const none = { items: [{ id: 'x', vector: [1, 0, 0] }] };
    const asked = f.worker.collectionAsked.length;
    for (const collection of ['a', 'b', 'a']) {
      const added = await send('POST', `/v1/collections/${collection}/items`, none);
      assert.equal(added.status, 200, await added.clone().text());
      assert.equal(
        isAgain(added),
        f.worker.collectionAsked.length === asked + 2 && collection === 'a',
      );
    }
    assert.equal(f.worker.collectionAsked.length, asked + 2);
    // Done each time, also under what would be no name of a POST request.
    for (const key of [name, '"'])
      for (const [method, path] of [
        ['GET', '/v1/models'],
        ['HEAD', '/v1/models'],
        ['GET', '/v1/generate'],
        ['DELETE', `/v1/results/${id}`],
      ] as const) {
        const answer = await send(method, path, undefined, key);
        const gone = key === '"' ? 404 : 200;
        const expected = method === 'DELETE' ? gone : path === '/v1/generate' ? 405 : 200;
        assert.deepEqual([answer.status, isAgain(answer)], [expected, false], `${method} ${path}`);
      }
    const again = await send('POST', '/v1/generate', random);
    assert.deepEqual([isAgain(again), await again.text()], [true, await first.text()]);
  });

  test('Idempotency-Key: the same answer again; another request 422; under way 409; of each tenant its own', async () => {
    const [one, other] = [await make('one'), await make('other')];
    const key = crypto.randomUUID();
    const random = { ...DEPTH, seed: 'random' };
    const send = (secret: string, body: object, header = `"${key}"`, more = {}) =>
      generate(secret, body, { 'idempotency-key': header, ...more });
    const first = await send(one.secret, random);
    assert.equal(first.status, 200);
    assert.equal(first.headers.get('idempotent-replayed'), null);
    const text = await first.text();
    const again = await send(one.secret, random, key);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.equal(again.headers.get('content-type'), first.headers.get('content-type'));
    assert.equal(await again.text(), text, 'a random seed is not drawn again');
    await problemOf(await send(one.secret, DEPTH), 'idempotency_mismatch');
    const elsewhere = await ask('/v1/tokenize', one.secret, {
      method: 'POST',
      headers: { 'idempotency-key': key },
      body: JSON.stringify({ inputs: { caption: 'x' } }),
    });
    assert.equal(elsewhere.status, 200, 'at another address it is another name');
    assert.equal(elsewhere.headers.get('idempotent-replayed'), null);
    assert.notEqual(await (await send(other.secret, random)).text(), text);
    // What is refused is not remembered.
    const fresh = crypto.randomUUID();
    await problemOf(await send(one.secret, { ...DEPTH, targets: [] }, fresh), 'invalid_request');
    assert.equal((await send(one.secret, random, fresh)).status, 200);
    await problemOf(await send(one.secret, random, 'x'.repeat(256)), 'invalid_request');
    const events = { accept: 'text/event-stream' };
    await problemOf(await send(one.secret, random, 'e', events), 'invalid_request');
    // Forms of the same parts are the same request, whatever their boundary.
    const form = () => {
      const parts = new FormData();
      parts.set('caption', 'x');
      parts.set('targets', 'depth');
      parts.set('seed', 'random');
      return fetch(`${url()}/v1/generate`, {
        method: 'POST',
        headers: { authorization: `Bearer ${one.secret}`, 'idempotency-key': `form ${key}` },
        body: parts,
      });
    };
    const sent = await (await form()).text();
    const repeated = await form();
    assert.equal(
      repeated.headers.get('idempotent-replayed'),
      'true',
      await repeated.clone().text(),
    );
    assert.equal(await repeated.text(), sent);

    let open = () => {};
    f.worker.gate = new Promise((resolve) => {
      open = resolve;
    });
    const waiting = crypto.randomUUID();
    const asked = f.worker.asked.length;
    const running = send(one.secret, random, waiting);
    await until(() => f.worker.asked.length > asked, 'the worker was asked');
    await problemOf(await send(one.secret, random, waiting), 'idempotency_conflict');
    open();
    f.worker.gate = undefined;
    const answer = await (await running).text();
    assert.equal(await (await send(one.secret, random, waiting)).text(), answer);
  });
}
