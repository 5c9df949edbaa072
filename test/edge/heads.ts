/** Heads over HTTP: fitted, uploaded, versioned, asked, deleted, and what is refused; nothing is half written. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { classifyDryRunSchema, classifyResponseSchema } from '../../shared/api/classify.ts';
import { type Head, headResponseSchema, headSchema } from '../../shared/api/heads.ts';
import type { ProblemCode } from '../../shared/api/problem.ts';
import { createClient } from '../../shared/client/index.ts';
import { writeHead } from '../../worker/heads/file.ts';
import { flatHead } from '../support/fakeHeads.ts';
import { PNG } from '../support/fakeWorker.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

export function headTests(f: Fixture): void {
  const client = () => createClient({ baseUrl: f.url });
  // A store may have the heads of an earlier run.
  const run = crypto.randomUUID().slice(0, 8);
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${f.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const put = (name: string, body: BodyInit, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/heads/${name}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', ...headers },
      body,
    });
  const width = (): number => f.worker.model.width ?? 0;
  const fileOf = (value: number, labels = ['no', 'yes']): Uint8Array<ArrayBuffer> =>
    writeHead(flatHead(width(), value), labels, {});
  const examplesOf = (labels: readonly string[]) =>
    labels.map((label, i) => ({ inputs: { caption: `${run} ${i}` }, label }));

  test('a head is fitted once, kept, told, and asked', async () => {
    const name = `fitted-${run}`;
    const body = { name, examples: examplesOf(['no', 'yes', 'no', 'yes']) };
    const asked = f.worker.headAsked.length;
    const first = await post('/v1/heads', body);
    const head = headSchema.parse(await first.json());
    assert.equal(first.status, 200);
    assert.deepEqual(head.labels, ['no', 'yes']);
    const again = await post('/v1/heads', body);
    assert.equal(again.headers.get('cache-status'), 'fourm-edge; hit');
    assert.deepEqual(await again.json(), head);
    assert.equal(f.worker.headAsked.length, asked + 1);

    const answer = await post('/v1/classify', { inputs: { caption: 'a' }, head: name });
    const classified = classifyResponseSchema.parse(await answer.json());
    assert.deepEqual(classified.head, { name, version: head.version });
    assert.equal(answer.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
    const last = f.worker.headAsked.at(-1);
    assert.equal(last?.tenant, 'default');
    const form = new FormData();
    form.append('caption', 'a');
    form.append('head', name);
    const same = await fetch(`${f.url}/v1/classify`, { method: 'POST', body: form });
    assert.equal(same.headers.get('cache-status'), 'fourm-edge; hit');

    // Deleted, it is fitted again.
    assert.deepEqual(await client().deleteHead(name), { deleted: 1 });
    const gone = await post('/v1/classify', { inputs: { caption: 'a' }, head: name });
    await problemOf(gone, 'unknown_head');
    const anew = await post('/v1/heads', body);
    assert.equal(anew.headers.get('cache-status'), 'fourm-edge; fwd=miss; stored');
    assert.equal(((await anew.json()) as Head).version, head.version);
  });

  test('what is fitted again is the newest version again', async () => {
    const name = `newest-${run}`;
    const fit = (labels: readonly string[]) =>
      client().fitHead({ name, examples: examplesOf(labels) });
    const first = await fit(['a', 'b', 'a', 'b']);
    const second = await fit(['a', 'b', 'a', 'b', 'a']);
    assert.notEqual(first.version, second.version);
    assert.equal((await client().head(name)).version, second.version);
    assert.equal((await fit(['a', 'b', 'a', 'b'])).version, first.version);
    const { version, versions } = await client().head(name);
    assert.deepEqual([version, versions.length], [first.version, 2]);
    await client().deleteHead(name);
  });

  test('what a head would cost is told, and nothing is sent', async () => {
    const asked = f.worker.headAsked.length;
    const examples = examplesOf(['a', 'b', 'a', 'b']);
    const fit = await post('/v1/heads', { name: 'priced', examples, dry_run: true });
    const told = classifyDryRunSchema.parse(await fit.json());
    assert.equal(told.usage.encoder_passes, 4);
    const refused = await post('/v1/classify', { inputs: { caption: 'a' }, dry_run: true });
    await problemOf(refused, 'head_mismatch');
    assert.equal(f.worker.headAsked.length, asked);
  });

  test('an uploaded head has versions by the hash of its file, and is given back', async () => {
    const name = `sent-${run}`;
    const files = [fileOf(1), fileOf(2)];
    const versions: string[] = [];
    for (const file of files) {
      const answer = await put(name, file);
      const head = headSchema.parse(await answer.json());
      assert.equal(answer.status, 200);
      assert.equal(head.version, `sha256:${createHash('sha256').update(file).digest('hex')}`);
      versions.push(head.version);
    }
    const told = headResponseSchema.parse(await client().head(name));
    assert.equal(told.version, versions[1]);
    assert.deepEqual(
      told.versions.map(({ version }) => version),
      versions.toReversed(),
    );
    const given = await fetch(`${f.url}/v1/heads/${name}?version=${versions[0]}`, {
      headers: { accept: 'application/octet-stream' },
    });
    assert.deepEqual(new Uint8Array(await given.arrayBuffer()), files[0]);
    const picture = await fetch(`${f.url}/v1/heads/${name}`, { headers: { accept: 'image/png' } });
    await problemOf(picture, 'not_acceptable');
    const { items, head } = await client().classify({
      head: name,
      version: versions[0],
      items: [{ inputs: { caption: 'x' } }, { inputs: { caption: 'y' } }],
    });
    assert.deepEqual([items.length, head?.version], [2, versions[0]]);
    const { heads } = await client().heads();
    assert.equal(heads.find((one) => one.name === name)?.versions, 2);
    assert.deepEqual(await client().deleteHead(name, { version: versions[1]! }), { deleted: 1 });
    assert.equal((await client().head(name)).version, versions[0]);
    assert.deepEqual(await client().deleteHead(name), { deleted: 1 });
  });

  test('files that are no heads, and requests that do not fit, are refused at once', async () => {
    const name = `bad-${run}`;
    const good = fileOf(1);
    const cut = good.slice(0, -4);
    const lying = good.slice();
    new DataView(lying.buffer).setBigUint64(0, 2n ** 40n, true);
    for (const body of [cut, lying, new Uint8Array(PNG), fileOf(1, ['same', 'same'])]) {
      await problemOf(await put(name, body), 'invalid_head');
    }
    const empty = await put(name, new Uint8Array());
    await problemOf(empty, 'empty_request');
    const typed = await put(name, good, { 'content-type': 'text/html' });
    await problemOf(typed, 'unsupported_media_type');
    const named = await put('..%2Fetc', good);
    await problemOf(named, 'invalid_request');
    const absent = await fetch(`${f.url}/v1/heads/${name}`);
    await problemOf(absent, 'unknown_head');
    const nowhere = await fetch(`${f.url}/v1/heads/${name}`, { method: 'DELETE' });
    await problemOf(nowhere, 'unknown_head');
    const version = await fetch(`${f.url}/v1/heads/${name}?version=newest`);
    await problemOf(version, 'invalid_request');

    const pointersOf = async (
      body: object,
      code: ProblemCode = 'invalid_request',
    ): Promise<(string | undefined)[]> => {
      const { errors = [] } = await problemOf(await post('/v1/heads', { name, ...body }), code);
      return errors.map(({ pointer }) => pointer);
    };
    const unfit = 'invalid_examples';
    assert.deepEqual(await pointersOf({}), ['/examples']);
    assert.deepEqual(await pointersOf({ examples: examplesOf(['a', 'a']) }, unfit), ['/examples']);
    assert.deepEqual(await pointersOf({ examples: examplesOf(['a', 'a', 'b']) }, unfit), [
      '/examples/2/label',
    ]);
    const both = { examples: examplesOf(['a', 'b']), collection: { name: 'c', label_field: 'f' } };
    assert.deepEqual(await pointersOf(both), ['/collection']);
    const features = { examples: examplesOf(['a', 'b', 'a', 'b']), features: 'depth' };
    assert.deepEqual(await pointersOf(features, 'head_mismatch'), ['/features']);
    const huge = { examples: examplesOf(['a', 'x'.repeat(120_000)]) };
    assert.deepEqual(await pointersOf(huge), ['/examples/1/label']);
  });

  test("a head that is not the model's own is refused, and one of other weights told of", async () => {
    const name = `wide-${run}`;
    const { model } = f.worker;
    const kept = await put(name, fileOf(3));
    assert.equal(kept.status, 200);
    f.worker.model = { ...model, width: width() + 1 };
    try {
      const wide = await post('/v1/classify', { inputs: { caption: 'other' }, head: name });
      const problem = await problemOf(wide, 'head_mismatch');
      assert.equal(problem.errors?.[0]?.pointer, '/head');
      // Another model of the same width has other features.
      f.worker.model = { ...model, id: 'namesake' };
      const body = { inputs: { caption: 'other' }, head: name, model: 'namesake' };
      const foreign = await problemOf(await post('/v1/classify', body), 'head_mismatch');
      assert.equal(foreign.errors?.[0]?.pointer, '/model');
      // Other weights of the same name are told of.
      f.worker.model = { ...model, digest: crypto.randomUUID() };
      const answer = await post('/v1/classify', { inputs: { caption: 'other' }, head: name });
      const { warnings = [] } = classifyResponseSchema.parse(await answer.json());
      assert.deepEqual(
        warnings.map(({ code, pointer }) => [code, pointer]),
        [['other_weights', '/head']],
      );
    } finally {
      f.worker.model = model;
    }
  });
}
