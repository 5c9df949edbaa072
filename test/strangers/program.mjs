// A program of a folder that has the package and nothing else; it prints `done` when everything held.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  ConnectionError,
  createClient,
  ProblemError,
  readEvents,
  verifyWebhook,
  WebhookError,
} from '@4m-edge/client';

const [, , baseUrl, picture] = process.argv;
const client = createClient({ baseUrl });
const isPng = async (blob) => {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  assert.deepEqual([...bytes.subarray(1, 4)], [...new TextEncoder().encode('PNG')]);
};
const request = { inputs: { caption: 'a red cube' }, targets: ['depth'], seed: 1 };

const { models } = await client.models();
assert.equal(models[0].id, '4m-shapes');
const { usage } = await client.dryRun(request);
const seen = [];
const { outputs, ...answer } = await client.generate(request, {
  onProgress: (step) => seen.push(step),
});
assert.equal(answer.usage.units, usage.units);
assert.ok(seen.length > 0);
await isPng(await client.file(outputs.depth[0].image));

const streamed = [];
for await (const { event } of client.generateStream({ ...request, seed: 9 })) streamed.push(event);
assert.equal(streamed.at(-1), 'result');
assert.ok(streamed.length > 1);

const bytes = readFileSync(picture);
for (const rgb of [bytes, new Blob([bytes]), { data: bytes, hide: { box: [0, 0, 0.5, 0.5] } }])
  await isPng(await client.generateFile({ inputs: { rgb }, targets: ['depth'] }));
// Zeros behind the picture's end make it large, so that it is uploaded first.
const large = new Uint8Array(4_500_000);
large.set(bytes);
await isPng(await client.generateFile({ inputs: { rgb: large }, targets: ['normal'] }));

const { id } = await client.upload(new Blob([bytes], { type: 'image/png' }));
const seenPicture = await client.generate({ inputs: { rgb: { upload: id } }, targets: ['depth'] });
await isPng(await client.file(seenPicture.outputs.depth[0].image));
await client.deleteUpload(id);

const job = await client.jobs.submit('generate', { ...request, seed: 2 });
const result = await job.wait();
assert.equal(result.seed, 2);

const line = {
  custom_id: 'one',
  method: 'POST',
  url: '/v1/generate',
  body: { ...request, seed: 3 },
};
const batch = await client.batches.create([line]);
assert.equal((await client.batches.wait(batch.id)).status, 'completed');
const lines = [];
for await (const { custom_id } of client.batches.output(batch.id)) lines.push(custom_id);
assert.deepEqual(lines, ['one']);

await assert.rejects(client.generate({ ...request, targets: ['sound'] }), (error) => {
  assert.ok(error instanceof ProblemError);
  assert.equal(error.problem.code, 'unknown_target');
  return true;
});

const nobody = createClient({ baseUrl: 'http://127.0.0.1:1', retries: 1 });
await assert.rejects(nobody.models(), ConnectionError);

// The vector of the specification's own libraries (standard-webhooks).
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const headers = {
  'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  'webhook-timestamp': '1614265330',
  'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};
globalThis.crypto ??= (await import('node:crypto')).webcrypto;
const body = '{"test": 2432232314}';
assert.deepEqual(await verifyWebhook(body, headers, secret, { now: 1614265330 }), {
  test: 2432232314,
});
await assert.rejects(verifyWebhook(`${body} `, headers, secret, { now: 1614265330 }), WebhookError);
assert.equal(typeof readEvents, 'function');
console.log('done');
