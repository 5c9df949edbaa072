/** `/v1/images/generations` and `/v1/images/edits`, asked by OpenAI's own client. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { APIError, InternalServerError, NotFoundError, toFile } from 'openai';
import type { WorkerGenerateRequest } from '../../shared/api/worker.ts';
import { PNG, PNG_URL } from '../support/fakeWorker.ts';
import { freshPicture } from '../support/pictures.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

const BASE64 = PNG.toString('base64');

export function imageTests(f: Fixture): void {
  const client = () =>
    new OpenAI({ apiKey: 'none is needed', baseURL: `${f.url}/v1`, maxRetries: 0 });
  const generate = (body: object) =>
    client().images.generate(body as OpenAI.ImageGenerateParamsNonStreaming);
  const edit = (body: object) => client().images.edit(body as OpenAI.ImageEditParamsNonStreaming);
  const refused = async (asked: Promise<unknown>): Promise<APIError> => {
    const error = await asked.catch((reason: unknown) => reason);
    assert.ok(error instanceof APIError, String(error));
    return error;
  };
  const lastAsked = (): WorkerGenerateRequest['request'] =>
    f.worker.asked.at(-1)?.request ?? assert.fail('nothing was asked');

  test("OpenAI's client gets pictures, which are results of /v1/generate", async () => {
    const prompt = crypto.randomUUID();
    const answer = await generate({ model: 'fake', prompt, n: 2, size: '64x64', user: 'somebody' });
    assert.deepEqual(
      answer.data?.map(({ b64_json }) => b64_json),
      [BASE64, BASE64],
    );
    assert.ok(Math.abs(answer.created - Date.now() / 1000) < 60);
    assert.equal(answer.output_format, 'png');
    const { input_tokens = 0, output_tokens, total_tokens } = answer.usage ?? {};
    assert.equal(answer.usage?.input_tokens_details.text_tokens, input_tokens);
    assert.equal(total_tokens, input_tokens + (output_tokens ?? 0));
    const same = await fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: { caption: prompt }, targets: ['rgb'], num_samples: 2 }),
    });
    assert.equal(same.headers.get('cache-status'), 'fourm-edge; hit');
    const nothingSaid = { model: null, n: null, size: null, response_format: null, stream: null };
    const one = await generate({ prompt, ...nothingSaid });
    assert.equal(one.data?.length, 1);
    const seeded = await generate({ prompt, seed: 7 });
    assert.equal((seeded as unknown as { seed: number }).seed, 7);
    assert.equal(f.worker.asked.at(-1)?.seed, 7);
  });

  test('a picture is an address that holds for a while, where that is asked for', async () => {
    const answer = await generate({ prompt: 'an address', response_format: 'url' });
    const [image] = answer.data ?? [];
    assert.equal(image?.b64_json, undefined);
    const bytes = await (await fetch(image?.url ?? '')).arrayBuffer();
    assert.deepEqual(Buffer.from(bytes), PNG);
    const noStore = client().images.generate(
      { prompt: 'an address', response_format: 'url' },
      { headers: { 'cache-control': 'no-store' } },
    );
    assert.equal((await refused(noStore)).param, 'response_format');
  });

  test('an edit hides what the mask has transparent, or the picture itself', async () => {
    const picture = freshPicture();
    const image = await toFile(picture.bytes, 'scene.png', { type: 'image/png' });
    const mask = await toFile(PNG, 'mask.png', { type: 'image/png' });
    const answer = await edit({ image, mask, prompt: 'a blue box', n: 2 });
    assert.equal(answer.data?.length, 2);
    const { inputs, targets, num_samples } = lastAsked();
    assert.deepEqual(inputs, {
      caption: { text: 'a blue box' },
      rgb: {
        data: picture.bytes.toString('base64'),
        hide: { mask: BASE64, hides: 'transparent' },
      },
    });
    assert.deepEqual([targets, num_samples], [[{ modality: 'rgb' }], 2]);
    await edit({ image: [image], prompt: 'a green box' });
    const data = picture.bytes.toString('base64');
    assert.deepEqual(lastAsked().inputs.rgb, { data, hide: { mask: data, hides: 'transparent' } });
  });

  test('events: each picture when it is there, or an error', async () => {
    const stream = await client().images.generate({ prompt: 'events', n: 2, stream: true });
    const types: string[] = [];
    for await (const event of stream) {
      types.push(event.type);
      assert.equal(event.b64_json, BASE64);
      assert.equal(event.output_format, 'png');
    }
    assert.deepEqual(types, ['image_generation.completed', 'image_generation.completed']);
    const image = await toFile(PNG, 'scene.png');
    const edits = await client().images.edit({ image, prompt: 'events', stream: true });
    for await (const { type } of edits) assert.equal(type, 'image_edit.completed');
    f.worker.failure = { code: 'invalid_image', detail: 'the picture cannot be decoded' };
    const failing = await client().images.generate({ prompt: 'failing', stream: true });
    const error = await refused(
      (async () => {
        for await (const event of failing) assert.fail(event.type);
      })(),
    );
    f.worker.failure = undefined;
    assert.match(error.message, /cannot be decoded/);
  });

  test("what cannot be painted is refused in the shape that OpenAI's client reads", async () => {
    const prompt = 'a red cube';
    for (const [body, param, message] of [
      [{}, 'prompt', /missing/],
      [{ prompt: '' }, 'prompt', /empty/],
      [{ prompt: 7 }, 'prompt', /text/],
      [{ prompt: 'cube '.repeat(2000) }, 'prompt', /./],
      [{ prompt, n: 0 }, 'n', /at least 1/],
      [{ prompt, n: 17 }, 'n', /at most 16/],
      [{ prompt, size: 'large' }, 'size', /WIDTHxHEIGHT/],
      [{ prompt, size: '1024x1024' }, 'size', /auto or 64x64/],
      [{ prompt, size: '64x32' }, 'size', /auto or 64x64/],
      [{ prompt, response_format: 'hex' }, 'response_format', /b64_json or url/],
      [{ prompt, output_format: 'jpeg' }, 'output_format', /png/],
      [{ prompt, quality: 'hd' }, 'quality', /one quality/],
      [{ prompt, background: 'transparent' }, 'background', /opaque/],
      [{ prompt, style: 'vivid' }, 'style', /not a field/],
      [{ prompt, partial_images: 1 }, 'partial_images', /stream/],
      [{ prompt, partial_images: 4, stream: true }, 'partial_images', /at most 3/],
      [{ prompt, stream: true, response_format: 'url' }, 'response_format', /stream/],
      [{ prompt, seed: -1 }, 'seed', /at least 0/],
    ] as const) {
      const error = await refused(generate(body));
      assert.equal(error.status, 400, JSON.stringify(body).slice(0, 80));
      assert.equal(error.param, param, JSON.stringify(body).slice(0, 80));
      assert.match(error.message, message);
    }
    const unknown = await refused(generate({ prompt, model: 'dall-e-3' }));
    assert.ok(unknown instanceof NotFoundError);
    assert.equal(unknown.code, 'model_not_found');
    const { model } = f.worker;
    f.worker.model = {
      ...model,
      modalities: model.modalities.filter(({ name }) => name !== 'rgb'),
    };
    const blind = await refused(generate({ prompt, model: 'fake' }));
    f.worker.model = model;
    assert.equal(blind.param, 'model');
    assert.match(blind.message, /paints no pictures from text.* makes depth, caption/);
    f.worker.failure = { code: 'overloaded', detail: 'full', retryAfterSeconds: 2 };
    const full = await refused(generate({ prompt: 'while it is full' }));
    f.worker.failure = undefined;
    assert.ok(full instanceof InternalServerError);
    assert.equal(full.headers?.get('retry-after'), '2');
  });

  test('events that the body asks for cannot be kept under an Idempotency-Key, and so are refused with one', async () => {
    const named = { headers: { 'idempotency-key': crypto.randomUUID() } };
    const prompt = crypto.randomUUID();
    const stream = client().images.generate({ prompt, stream: true }, named);
    const error = await refused(stream);
    assert.deepEqual([error.status, error.param], [400, 'stream']);
    const image = await toFile(PNG, 'scene.png', { type: 'image/png' });
    assert.equal(
      (await refused(client().images.edit({ image, prompt, stream: true }, named))).param,
      'stream',
    );
    // What was refused has done nothing, and its name is free.
    assert.equal((await client().images.generate({ prompt }, named)).data?.length, 1);
  });

  test('edits that cannot be are refused by field', async () => {
    const image = await toFile(PNG, 'scene.png');
    const text = await toFile(Buffer.from('no picture'), 'scene.png');
    for (const [body, param] of [
      [{ prompt: 'x' }, 'image'],
      [{ image: text, prompt: 'x' }, 'image'],
      [{ image, mask: text, prompt: 'x' }, 'mask'],
      [{ image }, 'prompt'],
      [{ image, prompt: 'x', n: 0 }, 'n'],
      [{ image, prompt: 'x', input_fidelity: 'high' }, 'input_fidelity'],
      [{ image: [image, image], prompt: 'x' }, 'image[]'],
      [{ image: 'https://example.com/a.png', prompt: 'x', mask: image }, 'image'],
    ] as const) {
      const error = await refused(edit(body));
      assert.equal(error.status, 400, param);
      assert.equal(error.param, param);
    }
    const large = await toFile(freshPicture(250_000).bytes, 'large.png');
    assert.equal((await refused(edit({ image: large, prompt: 'x' }))).status, 413);
    const json = await fetch(`${f.url}/v1/images/edits`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ image: PNG_URL, prompt: 'x' }),
    });
    const { detail } = await problemOf(json, 'unsupported_media_type');
    assert.match(detail, /must be multipart\/form-data/);
  });
}
