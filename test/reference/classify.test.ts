/** Classification through the edge and a real worker: an exported backbone's own head, and heads of the store. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseConfig } from '../../edge/config.ts';
import { type RunningEdge, startEdge } from '../../edge/node.ts';
import type { ClassifyResponse } from '../../shared/api/classify.ts';
import type { Head } from '../../shared/api/heads.ts';
import type { ModelsResponse } from '../../shared/api/models.ts';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { OWN_CASES } from '../support/cases.ts';
import { sharedPath } from '../support/shared.ts';
import { SECRET, startWorkerProcess, type WorkerProcess } from '../support/workerProcess.ts';

const weights = sharedPath('reference/fm_swiglu_nobias/weights.safetensors');
const head = sharedPath('reference/fmvit/head.safetensors');
const skip = weights && head ? false : 'the published vectors are not here';

interface Expected {
  readonly pictures: readonly { readonly file: string; readonly logits: readonly number[] }[];
}

const CASE = join(OWN_CASES, 'heads');
const TOLERANCE = 1e-4;

describe('a served backbone', { skip }, () => {
  let folder: string;
  let worker: WorkerProcess;
  let edge: RunningEdge;
  let url: string;
  let pictures: { url: string; logits: readonly number[] }[];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-classify-'));
    const options = { id: 'fmvit', head: head ?? '' };
    await exportCheckpoint(weights ?? '', join(folder, 'models/fmvit'), options);
    const store = { FOURM_STORE: 'disk', FOURM_STORE_DIR: join(folder, 'store') };
    worker = await startWorkerProcess(join(folder, 'models'), {
      ...store,
      FOURM_SLOTS: '4',
      FOURM_QUEUE_TOKENS: '100000',
    });
    edge = await startEdge(
      parseConfig({
        PORT: '0',
        FOURM_WORKERS: worker.url,
        FOURM_WORKER_SECRET: SECRET,
        ...store,
      }),
    );
    url = `http://127.0.0.1:${edge.port}`;
    const expected = JSON.parse(await readFile(join(CASE, 'fmvit.json'), 'utf8')) as Expected;
    pictures = await Promise.all(
      expected.pictures.map(async ({ file, logits }) => ({
        url: `data:image/png;base64,${await readFile(join(CASE, file), 'base64')}`,
        logits,
      })),
    );
  });
  after(async () => {
    await edge?.close();
    worker?.child.kill('SIGTERM');
    await worker?.ended;
    await rm(folder, { recursive: true, force: true });
  });

  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const answer = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text.slice(0, 500));
    return JSON.parse(text) as T;
  };

  const agrees = (found: readonly number[] | undefined, expected: readonly number[]): void => {
    assert.equal(found?.length, expected.length);
    const scale = Math.max(...expected.map(Math.abs));
    for (const [k, logit] of expected.entries())
      assert.ok(Math.abs(found[k]! - logit) <= TOLERANCE * scale, `${k}: ${found[k]}, ${logit}`);
  };

  test('says that it is one, and what its head tells apart', async () => {
    const { models } = (await (await fetch(`${url}/v1/models`)).json()) as ModelsResponse;
    const [model] = models;
    assert.equal(model?.kind, 'backbone');
    assert.equal(model.width, 64);
    assert.equal(model.head?.labels.length, 10);
    assert.ok(model.modalities.every(({ output }) => !output));
  });

  test('answers the logits that the formulas of the PyTorch code give', async () => {
    const items = pictures.map(({ url: rgb }) => ({ inputs: { rgb } }));
    const answer = await post<ClassifyResponse>('/v1/classify', { items, logits: true, top_k: 2 });
    for (const [i, { logits }] of pictures.entries()) {
      agrees(answer.items[i]?.logits, logits);
      const exponents = logits.map(Math.exp);
      const sum = exponents.reduce((a, b) => a + b, 0);
      const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!);
      const { classes } = answer.items[i]!;
      assert.equal(classes.length, 2);
      for (const [place, { label, probability }] of classes.entries()) {
        assert.equal(label, String(best[place]));
        assert.ok(Math.abs(probability - exponents[best[place]!]! / sum) < 1e-3);
      }
    }
  });

  test('takes the same head as a file, and gives the same file back', async () => {
    const file = await readFile(head ?? '');
    const put = await fetch(`${url}/v1/heads/uploaded`, { method: 'PUT', body: file });
    const kept = (await put.json()) as Head;
    assert.equal(put.status, 200, JSON.stringify(kept));
    assert.deepEqual([kept.source, kept.width, kept.labels.length], ['upload', 64, 10]);
    const { url: rgb, logits } = pictures[0]!;
    const request = { inputs: { rgb }, head: 'uploaded', logits: true };
    const answer = await post<ClassifyResponse>('/v1/classify', request);
    agrees(answer.items[0]?.logits, logits);
    assert.deepEqual(answer.head, { name: 'uploaded', version: kept.version });
    const given = await fetch(`${url}/v1/heads/uploaded`, {
      headers: { accept: 'application/octet-stream' },
    });
    assert.deepEqual(Buffer.from(await given.arrayBuffer()), file);
  });
});
