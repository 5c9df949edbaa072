/** Uploads and addresses where the worker does not have the store of the edge: the bytes come with the request. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { createClient } from '../../shared/client/index.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { standIn } from '../support/guardStandIns.ts';
import { freshPicture } from '../support/pictures.ts';
import { startInputs } from './sources.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-foreign-'));
after(() => rm(folder, { recursive: true, force: true }));

for (const [name, environment, store] of [
  ['no store', { FOURM_STORE: 'disk' }, undefined],
  ['another store', { FOURM_STORE: 'disk' }, createMemoryStore()],
  ['an edge that has only its memory', { FOURM_STORE: 'memory' }, createMemoryStore()],
] as const)
  test(`a worker with ${name}`, async () => {
    const worker = await startFakeWorker();
    startInputs(worker, store);
    const edge = await startEdge(
      parseConfig({
        ...{ PORT: '0', FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET, ...environment },
        FOURM_STORE_DIR: join(folder, name.replaceAll(' ', '-')),
      }),
    );
    const { bytes, sha256 } = freshPicture();
    const server = await standIn((_, response) => response.end(bytes));
    try {
      const client = createClient({ baseUrl: `http://127.0.0.1:${edge.port}` });
      const { id } = await client.upload(new Blob([bytes], { type: 'image/png' }), { sha256 });
      const url = `http://pictures.test:${server.port}/a.png`;
      for (const [target, rgb] of [
        ['depth', { upload: id }],
        ['caption', { url }],
      ] as const) {
        const made = await client.generate({ inputs: { rgb }, targets: [target] });
        assert.equal(made.sources?.['/inputs/rgb']?.sha256, sha256);
        const sent = worker.asked.at(-1)?.request.inputs.rgb;
        assert.deepEqual(sent, { data: bytes.toString('base64') });
      }
      const linked = await client.generate(
        { inputs: { rgb: { upload: id } }, targets: ['depth'] },
        { inline: false },
      );
      const file = await client.file(linked.outputs.depth?.[0]?.image ?? '');
      assert.ok(file.size > 0);
    } finally {
      await server.close();
      await edge.close();
      await worker.close();
    }
  });
