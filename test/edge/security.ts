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

  test('without keys pages of this machine may ask, and those of others neither read nor do anything', async () => {
    const preflight = (origin: string) =>
      fetch(`${f.url}/v1/generate`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
    const own = await preflight('http://localhost:3000');
    assert.equal(own.status, 204);
    assert.equal(own.headers.get('access-control-allow-origin'), 'http://localhost:3000');
    assert.equal(own.headers.get('access-control-allow-credentials'), null);
    const strange = 'https://evil.example';
    assert.equal((await preflight(strange)).headers.get('access-control-allow-origin'), null);
    for (const origin of [strange, 'null', 'https://localhost.evil.example', 'nonsense'])
      for (const [path, method] of [
        ['/v1/webhook-secret', 'GET'],
        ['/v1/webhook-secret/rotate', 'POST'],
        ['/v1/generate', 'POST'],
      ] as const) {
        const answer = await fetch(f.url + path, { method, headers: { origin } });
        assert.equal(answer.headers.get('access-control-allow-origin'), null);
        await problemOf(answer, 'forbidden_origin');
      }
    const asked = await fetch(`${f.url}/v1/models`, {
      headers: { origin: 'http://127.0.0.1:5173' },
    });
    assert.equal(asked.status, 200);
    assert.equal(asked.headers.get('access-control-allow-origin'), 'http://127.0.0.1:5173');
  });
}
