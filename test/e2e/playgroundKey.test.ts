/** The playground of a server that asks for keys, in a real browser. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { SECRET, startFakeWorker } from '../support/fakeWorker.ts';

test('the playground asks for a key, and works with one', {
  skip: browserMissing() ?? false,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-key-page-'));
  const worker = await startFakeWorker();
  const { secret } = await createKeyStore(createDiskStore(folder)).create({
    ...{ tenant: 'one', name: '', scopes: ['*'], limits: {}, created: Date.now() },
  });
  const edge = await startEdge(
    parseConfig({
      PORT: '0',
      FOURM_AUTH: 'keys',
      FOURM_STORE: 'disk',
      FOURM_STORE_DIR: folder,
      FOURM_WORKERS: worker.url,
      FOURM_WORKER_SECRET: SECRET,
    }),
  );
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${edge.port}/`);
    await page.getByText('This server asks for a key').waitFor();
    await page.getByLabel('API key').fill(secret);
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.locator('html[data-ready=true]').waitFor();
    assert.ok(!(await page.content()).includes(secret));
  } finally {
    await browser.close();
    await edge.close();
    await worker.close();
    await rm(folder, { recursive: true, force: true });
  }
});
