/** The playground of a server that asks for keys and charges, in a real browser. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { creditCommand } from '../../infra/keys/credit.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { axeFaults } from '../support/axe.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { PAGE_TIMEOUT } from '../support/playgroundPage.ts';

test('the playground asks for a key, and shows prices, usage and code with one', {
  skip: browserMissing() ?? false,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-key-page-'));
  const worker = await startFakeWorker();
  const store = createDiskStore(folder);
  const accounts = createAccountStore(store);
  await creditCommand({ store, accounts }, 'one', { text: '+25' }, Date.now());
  const { secret } = await createKeyStore(store).create({
    ...{ tenant: 'one', name: '', scopes: ['*'], limits: {}, created: Date.now() },
  });
  const edge = await startEdge(
    parseConfig({
      PORT: '0',
      FOURM_AUTH: 'keys',
      FOURM_PRICES: JSON.stringify({ currency: 'EUR', per_unit: 10 }),
      FOURM_STORE: 'disk',
      FOURM_STORE_DIR: folder,
      FOURM_WORKERS: worker.url,
      FOURM_WORKER_SECRET: SECRET,
    }),
  );
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    await page.goto(`http://127.0.0.1:${edge.port}/`);
    await page.getByText('This server asks for a key').waitFor();
    assert.equal(
      await page.locator('#view-generate, .problem').filter({ visible: true }).count(),
      0,
    );
    await page.getByLabel('API key').fill('strange');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByText('there is no such key').waitFor();
    await page.getByLabel('API key').fill(secret);
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.locator('html[data-ready=true]').waitFor();
    await page.getByLabel('Caption', { exact: true }).first().fill('a red cone');
    await page.locator('#price', { hasText: /^€[\d.]+ for [\d,]+ units?$/ }).waitFor();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.locator('#status', { hasText: /^Done in/ }).waitFor();
    const code = (await page.locator('.shown-code').textContent()) ?? '';
    assert.ok(code.includes('-H "Authorization: Bearer $FOURM_KEY"'));
    assert.ok(!page.url().includes(secret));
    assert.ok(!(await page.content()).includes(secret));
    await page.getByRole('link', { name: 'Usage' }).click();
    await page.getByText('Credit left').waitFor();
    await page.getByText('1 request from').waitFor();
    assert.deepEqual(await axeFaults(page), []);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.deepEqual(await axeFaults(page), []);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);

    // Credit that does not cover the price is told in money, before and after.
    await page.setViewportSize({ width: 1280, height: 900 });
    await creditCommand({ store, accounts }, 'two', { text: '+0.000001' }, Date.now());
    const poor = await createKeyStore(store).create({
      ...{ tenant: 'two', name: '', scopes: ['*'], limits: {}, created: Date.now() },
    });
    await page.getByLabel('API key').fill(poor.secret);
    // The page as it was is ready, too: the other one is that which is loaded then.
    await Promise.all([
      page.waitForEvent('load'),
      page.getByRole('button', { name: 'Use it' }).click(),
    ]);
    await page.locator('html[data-ready=true]').waitFor();
    await page.getByRole('link', { name: 'Generate', exact: true }).click();
    await page.getByLabel('Caption', { exact: true }).first().fill('a blue cone');
    await page.locator('#price', { hasText: /^€/ }).waitFor();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText(/^This costs €[\d.,]+, and the credit has €[\d.,]+ left\.$/).waitFor();
    assert.deepEqual(await axeFaults(page), []);
    if (process.env.FOURM_SCREENSHOTS)
      await page.screenshot({ path: join(process.env.FOURM_SCREENSHOTS, 'usage.png') });
  } finally {
    await browser.close();
    await edge.close();
    await worker.close();
    await rm(folder, { recursive: true, force: true });
  }
});
