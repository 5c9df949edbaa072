/** The page `/docs` in a real browser, of a server that asks for keys: read, searched, and asked from. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { parseConfig } from '../../edge/config.ts';
import { type RunningEdge, startEdge } from '../../edge/node.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { type FakeWorker, SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { PAGE_TIMEOUT } from '../support/playgroundPage.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const textOf = async (place: Locator): Promise<string> => (await place.textContent()) ?? '';

interface Axe {
  run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
}

/** What axe has against what is shown; empty when nothing. What is hidden is taken out: axe walks through it for long. */
async function violations(page: Page): Promise<string[]> {
  return await page.evaluate(async () => {
    const hidden = 'section.operation[hidden], section.tag[hidden], details.schema:not([open])';
    for (const node of document.querySelectorAll(hidden)) node.remove();
    const { axe } = globalThis as unknown as { axe: Axe };
    const found = await axe.run({ resultTypes: ['violations'] });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
  });
}

describe('/docs', { skip: browserMissing() ?? false }, () => {
  let folder = '';
  let key = '';
  let worker: FakeWorker;
  let edge: RunningEdge;
  let browser: Browser;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fourm-docs-page-'));
    worker = await startFakeWorker();
    const made = await createKeyStore(createDiskStore(folder)).create({
      ...{ tenant: 'one', name: '', scopes: ['*'], limits: {}, created: Date.now() },
    });
    key = made.secret;
    edge = await startEdge(
      parseConfig({
        ...{ PORT: '0', FOURM_AUTH: 'keys', FOURM_STORE: 'disk', FOURM_STORE_DIR: folder },
        ...{ FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET },
      }),
    );
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await edge?.close();
    await worker?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(width: number, colorScheme: 'light' | 'dark') {
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
    await page.addInitScript({ path: AXE });
    page.setDefaultTimeout(PAGE_TIMEOUT);
    const seen = { requests: [] as string[], complaints: [] as string[] };
    page.on('request', (request) => seen.requests.push(request.url()));
    page.on('pageerror', (error) => seen.complaints.push(String(error)));
    page.on('console', (message) => {
      // Of answers to requests of the reader the browser tells, too.
      if (message.type() === 'error' && !/status of 4\d\d/.test(message.text()))
        seen.complaints.push(message.text());
    });
    await page.goto(`http://127.0.0.1:${edge.port}/docs`);
    await page.waitForSelector('html[data-ready]');
    return { page, ...seen };
  }

  const operation = (page: Page, id: string) => page.locator(`section.operation#${id}`);

  test('a reader asks from the page, by keyboard, with a key; nothing comes from elsewhere', async () => {
    const { page, requests, complaints } = await open(1280, 'light');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');

    const generate = operation(page, 'generate');
    const shown = generate.locator('.samples[data-example="1"] figure:visible code');
    assert.match(await textOf(shown), new RegExp(`^curl .*http://127.0.0.1:${edge.port}/v1/`));
    await page.getByRole('button', { name: 'Python' }).press('Enter');
    assert.match(await textOf(shown), /^import base64/);

    await generate.locator('details.try summary').press('Enter');
    await generate.getByLabel('Example').selectOption('1');
    const send = generate.getByRole('button', { name: 'Send' });
    const status = generate.locator('details.try [role=status]');
    await send.press('Enter');
    await status.filter({ hasText: /^401/ }).waitFor();
    await page.getByLabel('API key').fill(key);
    await send.press('Enter');
    await status.filter({ hasText: /^200/ }).waitFor();
    const picture = generate.locator('.answer img');
    await picture.waitFor();
    assert.equal(await picture.evaluate((node) => (node as HTMLImageElement).naturalWidth), 1);
    await generate.locator('.answer summary').press('Enter');
    assert.match(await textOf(generate.locator('.answer details')), /content-type: image\/png/);
    assert.ok(!(await page.content()).includes(key), 'the key is in no example');

    // Examples say what the fields say.
    const body = generate.getByLabel('Body');
    await body.fill('{"inputs": {"caption": "two \'cones\'"}, "targets": ["depth"], "seed": 3}');
    assert.match(await textOf(shown), /"caption": "two 'cones'"[\s\S]*"seed": 3/);
    const count = requests.length;
    await body.fill('{"inputs": ');
    await send.press('Enter');
    assert.match(await textOf(generate.getByRole('alert')), /^The body is not JSON/);
    assert.equal(requests.length, count, 'nothing is sent');

    await operation(page, 'tokens').locator('details.try summary').press('Enter');
    await operation(page, 'tokens').getByRole('button', { name: 'Send' }).press('Enter');
    await page.getByText('Fill in ref first').waitFor();

    const strange = requests.filter((url) => !/^(http:\/\/127\.0\.0\.1:|data:|blob:)/.test(url));
    assert.deepEqual([strange, complaints], [[], []]);
    await page.close();
  });

  for (const [width, scheme] of [
    [1280, 'light'],
    [360, 'dark'],
  ] as const)
    test(`at ${width} pixels, ${scheme}: found by words, and axe has nothing against it`, async () => {
      const { page } = await open(width, scheme);
      const contents = page.locator('#contents');
      if (!(await contents.evaluate((node) => (node as HTMLDetailsElement).open)))
        await contents.locator('summary').first().press('Enter');
      await page.getByLabel('Find an operation').fill('heads fit confusion');
      await page.getByText(/^\d of \d+ operations$/).waitFor();
      assert.equal(await operation(page, 'generate').isVisible(), false);
      const head = operation(page, 'head');
      assert.equal(await head.isVisible(), true);
      await head.evaluate((section) => {
        for (const details of section.querySelectorAll('details')) details.open = true;
      });
      await head.getByRole('button', { name: 'Send' }).waitFor();
      // A schema that an address of its own unfolds.
      await page.evaluate(() => {
        location.hash = '#schema-Head';
      });
      await page.locator('#schema-Head[open]').waitFor();
      assert.deepEqual(await violations(page), []);
      const widest = await page.evaluate(() => document.scrollingElement?.scrollWidth);
      assert.ok(widest !== undefined && widest <= width, `${widest} pixels`);
      await page.close();
    });
});
