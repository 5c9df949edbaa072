/** `/v1/embeddings`, asked by OpenAI's own client. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { APIError, BadRequestError, InternalServerError, NotFoundError } from 'openai';
import { fakeVector } from '../support/fakeVectors.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

export function embeddingsTests(f: Fixture): void {
  const client = () =>
    new OpenAI({ apiKey: 'none is needed', baseURL: `${f.url}/v1`, maxRetries: 0 });
  const near = (actual: readonly number[], caption: string): void => {
    const expected = fakeVector({ caption: { text: caption } });
    assert.equal(actual.length, expected.length);
    for (const [i, value] of expected.entries()) assert.ok(Math.abs(actual[i]! - value) < 1e-6);
  };
  const create = (body: object) => client().embeddings.create(body as OpenAI.EmbeddingCreateParams);
  const refused = async (body: object): Promise<APIError> => {
    const error = await create(body).catch((reason: unknown) => reason);
    assert.ok(error instanceof APIError, String(error));
    return error;
  };

  test("OpenAI's client gets vectors of a text and of several", async () => {
    const one = await create({ model: 'fake', input: 'a red cube' });
    assert.equal(one.object, 'list');
    assert.equal(one.model, 'fake/scene_global');
    near(one.data[0]!.embedding, 'a red cube');
    const texts = ['a red cube', 'two cones', 'a red cube'];
    // Without a format the client asks for base64 and decodes it; with one it gives what it gets.
    for (const encoding_format of [undefined, 'float']) {
      const several = await create({
        model: 'fake/scene_global',
        input: texts,
        dimensions: 8,
        ...(encoding_format && { encoding_format }),
      });
      assert.deepEqual(
        several.data.map(({ index }) => index),
        [0, 1, 2],
      );
      for (const [i, text] of texts.entries()) near(several.data[i]!.embedding, text);
      assert.deepEqual(several.usage, { prompt_tokens: 15, total_tokens: 15 });
    }
    const raw = await create({ model: 'fake', input: 'a cone', encoding_format: 'base64' });
    const bytes = Buffer.from(raw.data[0]!.embedding as unknown as string, 'base64');
    near([...new Float32Array(new Uint8Array(bytes).buffer)], 'a cone');
  });

  test("OpenAI's client lists the models, and tells one of them", async () => {
    const expected = { id: 'fake', object: 'model', created: 0, owned_by: '4m-edge' };
    const page = await client().models.list();
    assert.equal(page.object, 'list');
    const listed: OpenAI.Model[] = [];
    for await (const model of page) listed.push(model);
    assert.deepEqual(listed, [expected]);
    const { id, object, created, owned_by, ...ours } = await client().models.retrieve('fake');
    assert.deepEqual({ id, object, created, owned_by }, expected);
    assert.ok('modalities' in ours && 'licence' in ours, 'it is described as /v1/models does');
    for (const name of ['gpt-image-1', 'an/other one']) {
      const absent = await client()
        .models.retrieve(name)
        .catch((error: unknown) => error);
      assert.ok(absent instanceof NotFoundError, String(absent));
      assert.equal(absent.code, 'model_not_found');
      assert.match(absent.message, /fake/, 'the models that there are');
    }
  });

  test('the same through /v1/embed is the same result of the store', async () => {
    const text = 'a cylinder that was asked for before';
    await create({ model: 'fake', input: [text], encoding_format: 'float' });
    const asked = f.worker.embedAsked.length;
    const answer = await fetch(`${f.url}/v1/embed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ items: [{ inputs: { caption: { text } } }], target: 'scene_global' }),
    });
    assert.equal(answer.headers.get('cache-status'), 'fourm-edge; hit');
    assert.equal(f.worker.embedAsked.length, asked);
  });

  test("what cannot be done is refused in the shape that OpenAI's client reads", async () => {
    const tokens = await refused({ model: 'fake', input: [1, 2, 3] });
    assert.ok(tokens instanceof BadRequestError);
    assert.equal(tokens.type, 'invalid_request_error');
    assert.equal(tokens.param, 'input[0]');
    assert.match(tokens.message, /token ids of another tokenizer are not taken/);
    for (const [body, param, message] of [
      [{ model: 'fake', input: [[1, 2], [3]] }, 'input[0]', /token ids/],
      [{ model: 'fake', input: [] }, 'input', /at least 1/],
      [{ model: 'fake', input: '' }, 'input', /not empty/],
      [{ model: 'fake', input: Array.from({ length: 257 }, () => 'x') }, 'input', /256/],
      [{ model: 'fake', input: 'x', dimensions: 4 }, 'dimensions', /must be 8/],
      [{ model: 'fake', input: 'x', encoding_format: 'hex' }, 'encoding_format', /./],
      [{ model: 'fake/depth', input: 'x' }, 'model', /no global embedding|not a global embedding/],
      [{ model: 'fake', input: ['x', 'cube '.repeat(2000)] }, 'input[1]', /./],
    ] as const) {
      const error = await refused(body);
      assert.ok(error instanceof BadRequestError, `${error}`);
      assert.equal(error.param, param, JSON.stringify(body).slice(0, 80));
      assert.match(error.message, message);
    }
    const unknown = await refused({ model: 'text-embedding-3-small', input: 'x' });
    assert.ok(unknown instanceof NotFoundError);
    assert.equal(unknown.code, 'model_not_found');
    assert.match(unknown.message, /fake\/scene_global/);
    const chat = await client()
      .chat.completions.create({ model: 'fake', messages: [] })
      .catch((error: unknown) => error);
    assert.ok(chat instanceof NotFoundError);
    assert.match(chat.message, /there is no \/v1\/chat\/completions/);
    // It is a problem as at every other address as well.
    const answer = await fetch(`${f.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'fake', input: [1] }),
    });
    const problem = await problemOf(answer, 'invalid_request');
    assert.deepEqual(
      problem.errors?.map(({ pointer }) => pointer),
      ['/input/0'],
    );
    const broken = await fetch(`${f.url}/v1/embeddings`, { method: 'POST', body: '{' });
    assert.ok('error' in ((await broken.json()) as object));
  });

  test('a full worker is told as an error that may be tried again', async () => {
    f.worker.failure = { code: 'overloaded', detail: 'full', retryAfterSeconds: 2 };
    const error = await refused({ model: 'fake', input: 'while it is full' });
    f.worker.failure = undefined;
    assert.ok(error instanceof InternalServerError);
    assert.equal(error.status, 503);
    assert.equal(error.headers?.get('retry-after'), '2');
    assert.equal(error.type, 'server_error');
  });
}
