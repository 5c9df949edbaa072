/** A real worker process, called over HTTP as the edge calls it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { generateResponseSchema } from '../../shared/api/generate.ts';
import { workerModelsSchema } from '../../shared/api/models.ts';
import { detokenizeResponseSchema, tokenizeResponseSchema } from '../../shared/api/tokens.ts';
import {
  type WorkerGenerateRequest,
  workerGenerateResponseSchema,
  workerStatusSchema,
} from '../../shared/api/worker.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import {
  type CallOptions,
  callWorker,
  generateBody,
  SECRET,
  startWorkerProcess,
  untilRunning,
  type WorkerProcess,
} from '../support/workerProcess.ts';

describe('worker process', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let worker: WorkerProcess;
  before(async () => {
    set = await exportDemo(demoSource()!);
    worker = await startWorkerProcess(set.modelsFolder);
  });
  after(async () => {
    worker?.child.kill('SIGKILL');
    await set?.remove();
  });

  const call = (path: string, init: CallOptions = {}) => callWorker(worker.url, path, init);
  const generate = (request: WorkerGenerateRequest['request'], init = {}) =>
    call('/internal/generate', { body: generateBody(request), ...init });

  const picture = async (): Promise<string> => {
    const background = { r: 90, g: 140, b: 200 };
    const create = { width: 80, height: 64, channels: 3, background } as const;
    return (await sharp({ create }).png().toBuffer()).toString('base64');
  };
  /** Some seconds of work. */
  const long: WorkerGenerateRequest['request'] = {
    inputs: { caption: 'a small red cube' },
    targets: [{ modality: 'rgb', steps: 64 }],
    num_samples: 16,
  };

  test('rgb -> depth and caption, the same each time, streamed or not', async () => {
    const request: WorkerGenerateRequest['request'] = {
      inputs: { rgb: { data: await picture() } },
      targets: ['depth', 'caption'],
    };
    const response = await generate(request);
    assert.equal(response.status, 200);
    const result = generateResponseSchema.parse(await response.json());
    assert.deepEqual([result.id, result.seed, result.model.id], ['result', 7, 'demo']);
    const [depth] = result.outputs.depth!;
    assert.ok(depth!.tokens.length >= 16);
    const image = Buffer.from(depth!.image!.split(',')[1]!, 'base64');
    const header = await sharp(image).metadata();
    assert.deepEqual([header.width, header.height, header.format], [64, 64, 'png']);
    assert.equal(typeof result.outputs.caption![0]!.text, 'string');

    const streamed = await generate(request, { accept: 'text/event-stream' });
    assert.equal(streamed.headers.get('content-type'), 'text/event-stream');
    const events = (await streamed.text())
      .trim()
      .split('\n\n')
      .map((event) => /^event: (\w+)\ndata: (.*)$/.exec(event)!.slice(1) as [string, string]);
    assert.equal(events.at(-1)![0], 'result');
    assert.ok(events.length > 2 && events.slice(0, -1).every(([name]) => name === 'progress'));
    const same = generateResponseSchema.parse(JSON.parse(events.at(-1)![1]));
    assert.deepEqual(same.outputs, result.outputs);
  });

  test('tokens: made, decoded, known ones gone on from', async () => {
    const post = async (path: string, request: object, more: object = {}) => {
      const body = JSON.stringify({ request_id: 'r2', model: 'demo', request, ...more });
      const response = await call(path, { body });
      assert.equal(response.status, 200, await response.clone().text());
      return (await response.json()) as unknown;
    };
    const rgb = { data: await picture() };
    const tokenized = await post('/internal/tokenize', { inputs: { rgb } });
    const { tokens } = tokenizeResponseSchema.parse(tokenized).inputs.rgb!;
    assert.equal(tokens.length, 16 * 16);
    const detokenized = await post('/internal/detokenize', { tokens: { rgb: { tokens } } });
    const output = detokenizeResponseSchema.parse(detokenized).outputs.rgb!;
    const decoded = await sharp(Buffer.from(output.image!.split(',')[1]!, 'base64')).stats();
    // The picture was one flat blue: red least, blue most.
    const [red, green, blue] = decoded.channels.map(({ mean }) => mean);
    assert.ok(red! < green! && green! < blue!);

    const request = { inputs: { rgb }, targets: ['depth', 'normal'], keep: true };
    const task = { id: 'result', seed: 7 };
    const whole = workerGenerateResponseSchema.parse(
      await post('/internal/generate', request, task),
    );
    assert.deepEqual(whole.input_tokens, {}, 'pixels are no tokens');
    const depth = { modality: 'tok_depth@64', samples: [whole.outputs.depth![0]!.tokens] };
    const rest = await post('/internal/generate', request, { ...task, reused: [depth] });
    const { outputs, reused_targets } = workerGenerateResponseSchema.parse(rest);
    assert.deepEqual([outputs, reused_targets], [whole.outputs, 1]);
  });

  test('a deadline counts from the arrival, in the queue as well', async () => {
    const late = await generate({ ...long, deadline_ms: 100 });
    assert.equal(late.status, 504);
    assert.equal((await late.json()).code, 'deadline_exceeded');
  });

  test('says what it has loaded', async () => {
    const { models } = workerModelsSchema.parse(await (await call('/internal/models')).json());
    assert.equal(models.length, 1);
    const depth = models[0]!.modalities.find(({ name }) => name === 'depth');
    assert.deepEqual(
      [depth?.input, depth?.output, depth?.accepts],
      [true, true, ['image', 'tokens']],
    );
  });

  test('says what it does and has done, and how long a run may be', async () => {
    // The step that ran when the deadline of the test before had come may still be under way.
    await untilRunning(worker.url, 0);
    const { jobs, loads, models } = workerStatusSchema.parse(
      await (await call('/internal/status')).json(),
    );
    assert.deepEqual([jobs.running, loads, models.length], [0, 1, 1]);
    const { runs, waiting, bounds } = models[0]!.scheduling!;
    assert.ok(runs.predict!.runs! > 0 && runs.predict!.longest_milliseconds! > 0);
    assert.deepEqual(waiting, { interactive: 0, batch: 0 });
    assert.equal(bounds.tokens_a_piece, 16);
    const kinds = Object.keys(bounds.longest_milliseconds);
    assert.deepEqual(kinds.sort(), ['encode', 'features', 'predict', 'write']);
    const loaded = await worker.logged(({ event }) => event === 'loaded');
    assert.deepEqual(
      [loaded.tokens_a_piece, loaded.longest_milliseconds],
      [bounds.tokens_a_piece, bounds.longest_milliseconds],
    );
  });

  test('refuses what is not signed, wrongly signed, or signed long ago', async () => {
    const wrong = await call('/internal/models', { secret: 'another secret' });
    const old = await call('/internal/models', { age: 400 });
    const none = await fetch(`${worker.url}/internal/generate`, { method: 'POST', body: '{}' });
    // The answer arrives, though the worker reads nothing of so large a body.
    const large = await fetch(`${worker.url}/internal/generate`, {
      method: 'POST',
      body: new Uint8Array(60_000_000),
    });
    const altered = await generate(long, { body: generateBody(long), secret: `${SECRET}.` });
    for (const response of [wrong, old, none, large, altered]) {
      assert.equal(response.status, 401);
      assert.equal((await response.json()).code, 'unauthorized');
    }
  });

  test('answers failures with their status and code', async () => {
    const cases: [Promise<Response>, number, string][] = [
      [call('/internal/generate', { body: '{' }), 400, 'invalid_json'],
      [call('/internal/generate', { body: '{}' }), 400, 'invalid_request'],
      [call('/internal/generate'), 405, 'method_not_allowed'],
      [call('/elsewhere'), 404, 'not_found'],
      [
        call('/internal/generate', { body: generateBody(long, { model: 'huge' }) }),
        404,
        'model_not_loaded',
      ],
      [generate({ inputs: { rgb: 'aGVsbG8=' }, targets: ['depth'] }), 400, 'invalid_image'],
      [generate({ inputs: { caption: 'a' }, targets: ['sound'] }), 400, 'unknown_target'],
      [call('/internal/generate', { body: 'x'.repeat(64 * 1024 * 1024 + 1) }), 413, 'too_large'],
    ];
    for (const [response, status, code] of cases) {
      const answer = await response;
      assert.deepEqual([answer.status, (await answer.json()).code], [status, code]);
    }
  });

  test('health answers during a run; a full worker refuses at once; a caller who goes frees its slot', async () => {
    const gone = new AbortController();
    const first = await generate(long, {
      body: generateBody(long, { id: 'slow' }),
      signal: gone.signal,
      accept: 'text/event-stream',
    });
    const reader = first.body!.getReader();
    await reader.read();

    for (const path of ['/v2/health/live', '/v2/health/ready']) {
      assert.equal((await fetch(`${worker.url}${path}`)).status, 200);
    }
    // Three more for the one place in the queue: two are refused while the first still runs.
    const refused: Response[] = [];
    await new Promise<void>((resolve, reject) => {
      for (let i = 0; i < 3; i++) {
        generate(long, { signal: gone.signal }).then(
          (answer) => refused.push(answer) === 2 && resolve(),
          (error: unknown) => gone.signal.aborted || reject(error),
        );
      }
    });
    for (const answer of refused) {
      assert.equal(answer.status, 503);
      assert.equal((await answer.json()).code, 'overloaded');
      assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    }
    assert.ok(!worker.entries.some((entry) => entry.id === 'slow'), 'the first one still runs');
    gone.abort();
    await reader.read().catch(() => undefined);
    await worker.logged((entry) => entry.id === 'slow' && entry.status === 'gone');
    const next = await generate({ inputs: { caption: 'a small red cube' }, targets: ['depth'] });
    assert.equal(next.status, 200);
  });

  test('SIGTERM: ends with 0', async () => {
    worker.child.kill('SIGTERM');
    assert.equal(await worker.ended, 0);
    assert.ok(worker.entries.some((entry) => entry.event === 'stopped'));
  });
});
