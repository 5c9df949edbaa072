import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PNG_URL, SECRET } from '../support/fakeWorker.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

export function securityTests(f: Fixture): void {
  const ask = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  test('the internal API is not reachable through the edge', async () => {
    for (const path of ['/internal/models', '/internal/generate', '/v2/health/ready']) {
      await problemOf(await fetch(f.url + path), 'not_found');
    }
  });

  test("names from callers do not become paths, prototypes or another's headers", async () => {
    const proto = `{"inputs":{"__proto__":"x","rgb":"${PNG_URL}"},"targets":["depth"],"__proto__":{}}`;
    const answer = await fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: proto,
    });
    assert.equal(Math.floor(answer.status / 100), 4, await answer.text());
    for (const name of ['../../etc/passwd', 'toString', 'a'.repeat(65)]) {
      const refused = await ask({ inputs: { [name]: 'x' }, targets: ['depth'] });
      assert.equal(refused.status, 400);
      await refused.arrayBuffer();
    }
    const odd = await fetch(`${f.url}/healthz`, { headers: { 'x-request-id': '<script>' } });
    assert.match(odd.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
    assert.deepEqual(await odd.json(), { status: 'ok' });
  });

  test('deep JSON is refused, not fatal', async () => {
    const depth = 50_000;
    const answer = await fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '['.repeat(depth) + ']'.repeat(depth),
    });
    assert.equal(answer.status, 400);
    assert.equal((await fetch(`${f.url}/healthz`)).status, 200);
  });

  test('answers carry no secret and cannot be sniffed or framed', async () => {
    for (const path of ['/', '/docs', '/openapi.json', '/v1/models', '/v1/nothing']) {
      const answer = await fetch(f.url + path);
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path);
      assert.equal(answer.headers.get('x-frame-options'), 'SAMEORIGIN', path);
      assert.ok(!(await answer.text()).includes(SECRET), path);
    }
  });

  test('any origin may call, without credentials', async () => {
    const preflight = await fetch(`${f.url}/v1/generate`, {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
    assert.equal(preflight.headers.get('access-control-allow-credentials'), null);
  });
}
