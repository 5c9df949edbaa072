/** Large files of outputs as links: made when answering, followed, over after a while. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createPermits } from '../../edge/uploads/permit.ts';
import { type GenerateResponse, generateResponseSchema } from '../../shared/api/generate.ts';
import { jobSchema } from '../../shared/api/jobs.ts';
import { createClient, ProblemError } from '../../shared/client/index.ts';
import { NPY, PNG, PNG_URL, SECRET } from '../support/fakeWorker.ts';
import { until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function linkTests(f: Fixture): void {
  let seed = 70_000;
  const fresh = () => ({ inputs: { caption: 'links' }, targets: ['depth'], seed: seed++ });
  const ask = (body: object, query = '', headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/generate${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const outputOf = ({ outputs }: GenerateResponse) => outputs.depth?.[0] ?? assert.fail();

  test('links: small files stay where they were, and all do when they are asked to', async () => {
    const body = fresh();
    for (const query of ['', '?inline=true']) {
      const answer = await ask(body, query);
      assert.ok(answer.headers.get('etag'));
      const output = outputOf(generateResponseSchema.parse(await answer.json()));
      assert.deepEqual([output.image, output.links], [PNG_URL, undefined]);
    }
  });

  test('links: they lead to the bytes, and are made anew for every answer', async () => {
    const body = fresh();
    const first = await ask(body, '?inline=false');
    assert.equal(first.headers.get('etag'), null, 'what ends has no tag to hold it against');
    assert.equal(first.headers.get('cache-control'), 'no-store');
    const output = outputOf(generateResponseSchema.parse(await first.json()));
    for (const [field, type, bytes] of [
      ['image', 'image/png', PNG],
      ['data', 'application/x-npy', NPY],
    ] as const) {
      const { expires_at, ...link } = output.links?.[field] ?? assert.fail();
      const is = { size: bytes.length, content_type: type, sha256: sha256(bytes) };
      assert.deepEqual(link, is);
      assert.ok(Date.parse(expires_at) > Date.now());
      const file = await fetch(output[field] ?? '');
      assert.equal(file.status, 200);
      assert.equal(file.headers.get('content-type'), type);
      assert.deepEqual(Buffer.from(await file.arrayBuffer()), bytes);
    }
    // What is stored has no links, and is answered to whoever wants it whole.
    const again = await ask(body, '?inline=true');
    assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
    assert.equal(outputOf(generateResponseSchema.parse(await again.json())).image, PNG_URL);
    const hit = await ask(body, '?inline=false', { 'if-none-match': '*' });
    assert.equal(hit.status, 200);
    // The bytes of the one output are what was asked for, and no link to them.
    const bytes = await ask(body, '?inline=false', { accept: 'image/png' });
    assert.deepEqual(Buffer.from(await bytes.arrayBuffer()), PNG);
    const unkept = await ask(body, '?inline=false', { 'cache-control': 'no-store' });
    assert.equal(outputOf(generateResponseSchema.parse(await unkept.json())).image, PNG_URL);
  });

  test('links: in events, in decoded tokens, and in the results of jobs', async () => {
    const events = await ask(fresh(), '?inline=false', { accept: 'text/event-stream' });
    assert.match(await events.text(), /"image":"http:.*"links":\{"image":\{"size":70/);
    const decoded = await fetch(`${f.url}/v1/detokenize?inline=false`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tokens: { depth: { tokens: Array(16).fill(1) } } }),
    });
    assert.match((await decoded.json()).outputs.depth.image, /^http:/);
    if (!f.shared) return;
    const job = jobSchema.parse(await (await ask(fresh(), '', { prefer: 'respond-async' })).json());
    let text = '';
    await until(async () => {
      text = await (await fetch(`${f.url}/v1/jobs/${job.id}?inline=false`)).text();
      return text.includes('"succeeded"');
    }, 'the job is done');
    assert.match(text, /"image":"http:/);
    const followed = await fetch(`${f.url}/v1/jobs/${job.id}/events?inline=false`);
    assert.match(await followed.text(), /event: result\ndata: .*"image":"http:/);
    await problemOf(await fetch(`${f.url}/v1/jobs/${job.id}?inline=yes`), 'invalid_request');
  });

  test('links: the client follows both, and is told when one is over', async () => {
    const client = createClient({ baseUrl: f.url });
    const body = fresh();
    const whole = outputOf(await client.generate(body, { inline: true }));
    const linked = outputOf(await client.generate(body, { inline: false }));
    assert.match(linked.image ?? '', /^http/);
    for (const place of [whole.image ?? '', linked.image ?? '']) {
      const file = await client.file(place);
      assert.equal(file.type, 'image/png');
      assert.deepEqual(Buffer.from(await file.arrayBuffer()), PNG);
    }
    const isOver = (error: unknown): boolean =>
      error instanceof ProblemError && error.problem.code === 'link_expired';
    const past = { do: 'get', key: 'outputs/x', content_type: 'image/png', expires: 1 } as const;
    const own = `${f.url}/v1/links/${await createPermits(SECRET).write(past)}`;
    await assert.rejects(client.file(own), isOver);
    if (!(linked.image ?? '').startsWith(f.url)) {
      // An S3 server says of all that it does not accept that it is not allowed.
      const forged = (linked.image ?? '').replace(/Signature=../, 'Signature=00');
      await assert.rejects(client.file(forged), isOver);
    }
  });

  test('links: what no link is', async () => {
    await problemOf(await fetch(`${f.url}/v1/links/x.y`), 'invalid_link');
    const gone = { do: 'get', content_type: 'image/png', expires: 9e9 } as const;
    const key = `outputs/default/${'0'.repeat(64)}`;
    const permit = await createPermits(SECRET).write({ ...gone, key });
    await problemOf(await fetch(`${f.url}/v1/links/${permit}`), 'not_found');
    const asked = f.worker.asked.length;
    const wrong = await problemOf(await ask(fresh(), '?inline=1'), 'invalid_request');
    assert.equal(wrong.errors?.[0]?.pointer, '/inline');
    assert.equal(f.worker.asked.length, asked, 'nothing is computed for it');
  });
}
