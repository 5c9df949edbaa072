/** The playground's view of jobs and batches in a real browser against the whole product. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Browser, Locator, Page } from 'playwright-core';
import type { GenerateResponse } from '../../shared/api/generate.ts';
import { createClient } from '../../shared/client/index.ts';
import { axeFaults, overflowOf } from '../support/axe.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { PAGE_TIMEOUT, RUN_TIMEOUT, tickOnly } from '../support/playgroundPage.ts';
import { type Product, startProduct } from '../support/product.ts';
import { REPOSITORY } from '../support/shared.ts';
import { until } from '../support/waiting.ts';

const execute = promisify(execFile);
const missing = browserMissing();
const options = missing ? { skip: missing } : {};
let folder: string;
let product: Product;
let browser: Browser;

before(async () => {
  if (missing) return;
  folder = await mkdtemp(join(tmpdir(), 'playground-jobs-'));
  product = await startProduct(join(folder, 'data'), {
    env: { FOURM_THREADS: '1', FOURM_URLS_ALLOW: 'http,loopback' },
  });
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await product?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function open(width = 1280): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 1000 } });
  page.setDefaultTimeout(PAGE_TIMEOUT);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${product.url}/#jobs`);
  await page.waitForSelector('html[data-ready]');
  return { page, complaints };
}

const stateOf = (row: Locator, state: string): Locator =>
  row.locator('.state', { hasText: new RegExp(`^${state}$`) }).first();

const line = (n: number, body: object): string =>
  JSON.stringify({ custom_id: `line-${n}`, method: 'POST', url: '/v1/embed', body });
const embed = (n: number) => ({
  inputs: { caption: `${n} spheres beside a cube` },
  target: 'scene_global',
  steps: 8,
});

test('a file becomes a batch, which is watched, and whose files are fetched', options, async () => {
  const { page, complaints } = await open();
  const file = join(folder, 'lines.jsonl');
  const lines = Array.from({ length: 60 }, (_, n) => line(n, embed(n)));
  await writeFile(file, [...lines, '{"custom_id": "broken', line(61, {})].join('\n'));
  await page.getByLabel('A file of requests, one a line').setInputFiles(file);
  const row = page.locator('#batch-list li').first();
  // Looked for from the beginning, since it goes when the batch has ended.
  await Promise.all([
    row.getByRole('progressbar').waitFor(),
    page.getByRole('button', { name: 'Send' }).click(),
  ]);
  await page.getByText(/62 lines are the batch batch_/).waitFor();
  await stateOf(row, 'completed').waitFor({ timeout: RUN_TIMEOUT });
  await row.getByText('60 of 62 lines answered, 2 failed').waitFor();
  const downloading = page.waitForEvent('download');
  await row.getByRole('link', { name: 'Output' }).click();
  const download = await downloading;
  assert.match(download.suggestedFilename(), /^batch_\w+\.output\.jsonl$/);
  const output = await readFile(await download.path(), 'utf8');
  assert.deepEqual(
    output
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text).custom_id),
    lines.map((_, n) => `line-${n}`),
  );
  const errors = page.waitForEvent('download');
  await row.getByRole('link', { name: 'Errors' }).click();
  const failed = (await readFile(await (await errors).path(), 'utf8')).trimEnd().split('\n');
  assert.equal(failed.length, 2);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('batches and jobs are cancelled; a file that is none says why', options, async () => {
  const { page } = await open();
  const client = createClient({ baseUrl: product.url });
  const many = Array.from({ length: 3000 }, (_, n) => line(n, embed(1000 + n))).join('\n');
  const made = await client.batches.create(new Blob([many]));
  const row = page.locator(`li[data-id="${made.id}"]`);
  await stateOf(row, 'in progress').waitFor();
  const job = await client.jobs.submit('generate', {
    inputs: { caption: 'a red cube' },
    targets: ['rgb', 'depth', 'normal', 'semseg'].map((modality) => ({ modality, steps: 64 })),
    num_samples: 16,
    seed: 5,
  });
  const jobRow = page.locator(`li[data-id="${job.id}"]`);
  await jobRow.getByRole('button', { name: 'Cancel' }).click();
  await stateOf(jobRow, 'canceled').waitFor();
  await row.getByRole('button', { name: 'Cancel' }).click();
  await stateOf(row, 'cancelled').waitFor();
  await row.getByText(/\d+ of 3000 lines answered, \d+ failed/).waitFor();
  const empty = join(folder, 'empty.jsonl');
  await writeFile(empty, '\n\n');
  await page.getByLabel('A file of requests, one a line').setInputFiles(empty);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('the batch has no lines').waitFor();
  const done = await client.jobs.submit('embed', embed(1));
  await done.wait();
  const embedded = page.locator(`li[data-id="${done.id}"]`);
  await stateOf(embedded, 'succeeded').waitFor();
  await embedded.getByText('Details').click();
  await embedded.getByText('54 numbers, largest magnitude').waitFor();
  if (process.env.FOURM_SCREENSHOTS)
    await page.screenshot({ path: join(process.env.FOURM_SCREENSHOTS, 'jobs.png') });
  assert.deepEqual(await axeFaults(page), []);
  await page.setViewportSize({ width: 360, height: 900 });
  assert.equal(await overflowOf(page), 0, 'nothing is wider than a telephone');
  if (process.env.FOURM_SCREENSHOTS)
    await page.screenshot({ path: join(process.env.FOURM_SCREENSHOTS, 'jobs-narrow.png') });
  await page.close();
});

test('a generation becomes a job, whose pictures and webhook are shown', options, async (t) => {
  const told: string[] = [];
  const receiver = createServer((request, response) => {
    told.push(String(request.headers['webhook-id']));
    request.resume();
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  t.after(() => receiver.close());
  const { port } = receiver.address() as AddressInfo;
  const { page, complaints } = await open();
  const client = createClient({ baseUrl: product.url });
  await page.getByRole('link', { name: 'Generate', exact: true }).first().click();
  await tickOnly(page, 'depth', 'caption', 'det');
  await page.getByText('Settings', { exact: true }).click();
  await page.getByLabel('Seed', { exact: true }).fill('77');
  await page.getByLabel('Webhook of jobs').fill(`http://127.0.0.1:${port}/hook`);
  const asked = page.waitForRequest((request) => request.headers().prefer === 'respond-async');
  await page.getByRole('button', { name: 'Run as a job' }).click();
  await asked;
  const link = page.getByRole('link', { name: 'Watch it in Jobs' });
  const id = /open=(job_\w+)/.exec((await link.getAttribute('href')) ?? '')?.[1] ?? '';

  // The code that is shown asks for the same job.
  const code = (await page.locator('#view-generate .shown-code').textContent()) ?? '';
  const { stdout } = await execute('bash', ['-c', code], { cwd: REPOSITORY });
  const { job } = await client.jobs.get<GenerateResponse>(id);
  assert.equal(JSON.parse(stdout).result_id, job.result_id);

  await link.click();
  const row = page.locator(`li[data-id="${id}"]`);
  await stateOf(row, 'succeeded').waitFor({ timeout: RUN_TIMEOUT });
  const result = await (await client.jobs.get<GenerateResponse>(id)).wait();
  const caption = row.locator('[data-target=caption] .text');
  assert.equal(await caption.textContent(), result.outputs.caption?.[0]?.text);
  const shown = row.locator('[data-target=depth] img');
  assert.equal(await shown.getAttribute('src'), result.outputs.depth?.[0]?.image);
  await row.getByText('job.succeeded').waitFor();
  await stateOf(row, 'delivered').waitFor();
  await row.getByRole('button', { name: 'Tell it again: job.succeeded' }).click();
  await row.locator('.attempts li').nth(1).waitFor();
  // One of the job that the code asked for, and one that came twice.
  await until(() => told.length >= 3, 'both jobs were told of, and one again');
  assert.deepEqual([told.length, new Set(told).size], [3, 2]);
  assert.deepEqual(await axeFaults(page), []);
  await page.setViewportSize({ width: 360, height: 740 });
  assert.equal(await overflowOf(page), 0);
  assert.deepEqual(await axeFaults(page), []);

  // What was made is an input of what comes next; a reload opens the job that the address names.
  await row.getByRole('button', { name: 'Use as input: depth' }).click();
  await page.locator('#view-generate').waitFor();
  assert.match(page.url(), /#generate\?in\.depth=tokens/);
  await page.goBack();
  await page.reload();
  await row.locator('[data-target=depth] img').waitFor();
  assert.deepEqual(complaints, []);
  await page.close();
});
