/** What a reader of the examples has: files, and things on the server whose names he puts in. */
import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EXAMPLES } from '../../edge/examples/examples.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import { createClient } from '../../shared/client/index.ts';
import type { Receiver } from './receiver.ts';

/** Name in capitals -> what stands for it in the examples of an operation. */
export type Places = Readonly<Record<string, string>>;

export interface Prepared {
  readonly placesOf: (operation: string) => Places;
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function answerTo<T>(url: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(url, init);
  assert.ok(answer.ok, `${url}: ${await answer.clone().text()}`);
  return (await answer.json()) as T;
}

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  answerTo<Record<string, string>>(url, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  });

/** The delivery of an ended job or batch, once its receiver was told. */
async function deliveryOf(url: string): Promise<string> {
  for (let tries = 0; tries < 600; tries++) {
    const { deliveries } = await answerTo<{ deliveries: { id: string; status: string }[] }>(
      `${url}/deliveries`,
    );
    const [first] = deliveries;
    if (first && first.status !== 'pending') return first.id;
    await pause(200);
  }
  throw new Error(`nothing was delivered of ${url}`);
}

const lastStep = (address: string): string => new URL(address).pathname.split('/').at(-1) ?? '';

/** Files that examples send, and what all languages can look at: made once. */
export async function prepareExamples(folder: string, url: string, receiver: Receiver) {
  const client = createClient({ baseUrl: url });
  for (const [name, own] of Object.entries({
    'picture.png': 'scene-1.png',
    'mask.png': 'mask.png',
  }))
    await copyFile(join(repositoryRoot, 'examples', own), join(folder, name));
  for (const { file } of Object.values(EXAMPLES).flat())
    if (file?.text !== undefined) await writeFile(join(folder, file.name), file.text);
  const examples = ['a cone', 'a cube', 'a red cone', 'a red cube'].map((caption) => ({
    inputs: { caption },
    label: caption.includes('cone') ? 'cone' : 'cube',
  }));
  await client.fitHead({ name: 'given', examples });
  const head = await fetch(`${url}/v1/heads/given`, {
    headers: { accept: 'application/octet-stream' },
  });
  await writeFile(join(folder, 'head.safetensors'), new Uint8Array(await head.arrayBuffer()));

  const work = { inputs: { caption: 'a red cone' }, targets: ['depth'], webhook: receiver.url };
  const { id: job = '' } = await post(`${url}/v1/generate`, work, { prefer: 'respond-async' });
  await (await client.jobs.get(job)).wait();
  const line = { custom_id: 'a', method: 'POST', url: '/v1/tokenize' };
  const lines = JSON.stringify({ ...line, body: { inputs: { caption: 'a red cone' } } });
  const { id: batch } = await answerTo<{ id: string }>(
    `${url}/v1/batches?webhook=${encodeURIComponent(receiver.url)}`,
    { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: lines },
  );
  await client.batches.wait(batch);
  const kept = await client.tokenize({
    inputs: { rgb: new Blob([await readFile(join(folder, 'picture.png'))]) },
    keep: true,
  });
  const linked = await client.generate(
    { inputs: { caption: 'a blue cube' }, targets: ['depth'] },
    { inline: false },
  );
  const shared: Places = {
    JOB_ID: job,
    BATCH_ID: batch,
    TOKENS_REF: kept.inputs.rgb?.ref ?? '',
  };
  const events: Places = {
    redeliverJobEvent: await deliveryOf(`${url}/v1/jobs/${job}`),
    redeliverBatchEvent: await deliveryOf(`${url}/v1/batches/${batch}`),
  };
  const link = lastStep(linked.outputs.depth?.[0]?.image ?? '');

  /** What a language uses up: made for each. */
  return async (seed: number): Promise<Prepared> => {
    const picture = new Blob([await readFile(join(folder, 'picture.png'))], { type: 'image/png' });
    const upload = await client.upload(picture);
    const { url: place = '' } = await post(`${url}/v1/uploads`, { content_type: 'image/png' });
    const result = await client.generate({ inputs: { caption: 'a' }, targets: ['det'], seed });
    return {
      placesOf: (operation) => ({
        ...shared,
        UPLOAD_ID: upload.id,
        RESULT_ID: result.id,
        EVENT_ID: events[operation] ?? '',
        PERMIT: operation === 'putLink' ? lastStep(place) : link,
      }),
    };
  };
}
