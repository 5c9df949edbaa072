/** The view of jobs and batches, whose answers come late. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page, Route } from 'playwright-core';
import { hold } from '../../support/held.ts';
import { textOf, visit } from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

const job = (n: number, status = 'succeeded') => ({
  ...{ id: `job_${n}`, task: 'generate', status, attempts: 1, result_id: 'x' },
  ...{ created_at: '2026-01-01T00:00:00Z', expires_at: '2026-01-02T00:00:00Z' },
});

export function jobsOrderTests(place: Place, options: TestOptions): void {
  /** A page whose server has no batches; jobs and their deliveries are answered by the test. */
  async function openJobs(): Promise<Page> {
    const { browser, url } = place();
    const { page } = await visit(browser, url);
    await page.route('**/v1/batches*', (route) => route.fulfill({ json: { data: [] } }));
    await page.route('**/webhooks*', (route) => route.fulfill({ json: { deliveries: [] } }));
    return page;
  }

  test('a job that is opened stays, whatever an earlier list says', options, async () => {
    const page = await openJobs();
    const single = (route: Route): Promise<void> =>
      route.fulfill({ json: { ...job(1), result: undefined } });
    await page.route('**/v1/jobs/job_1*', single);
    const held = await hold(page, /\/v1\/jobs\?/);
    const list = async (index: number, ...jobs: readonly object[]): Promise<void> =>
      await (await held.at(index)).fulfill({ json: { jobs } });
    await page.evaluate(() => {
      location.hash = '#jobs';
    });
    await held.at(0);
    await page.evaluate(() => {
      location.hash = '#jobs?open=job_1';
    });
    await list(1, job(1));
    const row = page.locator('[data-id=job_1]');
    await row.locator('details[open]').waitFor();
    await list(0);
    await page.waitForTimeout(200);
    assert.equal(await row.count(), 1);
    await page.close();
  });

  test('a file that is chosen while another one is sent stays chosen', options, async () => {
    const page = await openJobs();
    const held = await hold(page, '**/v1/batches*', (route) => route.request().method() === 'POST');
    await page.getByRole('link', { name: 'Jobs' }).click();
    const field = page.getByLabel('A file of requests, one a line');
    const file = (name: string) => ({ name, mimeType: '', buffer: Buffer.from('{}') });
    await field.setInputFiles(file('one.jsonl'));
    await page.getByRole('button', { name: 'Send' }).click();
    const sent = await held.at(0);
    await field.setInputFiles(file('two.jsonl'));
    await sent.fulfill({ json: { id: 'batch_1', request_counts: { total: 1 } } });
    await page.getByText('1 line is the batch batch_1.').waitFor();
    const chosen = await field.evaluate((input) => (input as HTMLInputElement).files?.[0]?.name);
    assert.equal(chosen, 'two.jsonl');
    await page.close();
  });

  test('a file that has changed since it was chosen is to be chosen again', options, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'playground-order-'));
    t.after(() => rm(folder, { recursive: true }));
    const page = await openJobs();
    await page.getByRole('link', { name: 'Jobs' }).click();
    const file = join(folder, 'lines.jsonl');
    await writeFile(file, '{}');
    await page.getByLabel('A file of requests, one a line').setInputFiles(file);
    await writeFile(file, '{"custom_id": "1"}\n');
    await page.getByRole('button', { name: 'Send' }).click();
    const title = page.locator('#jobs-problem strong');
    await title.waitFor();
    assert.match(await textOf(title), /cannot be read/);
    assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true);
    await page.close();
  });

  test('many jobs at work leave connections for the list of them', options, async (t) => {
    const { browser, url } = place();
    let lists = 0;
    const server = createServer((from, to) => {
      const path = from.url ?? '';
      const json = (body: object): void => {
        to.setHeader('content-type', 'application/json');
        to.end(JSON.stringify(body));
      };
      if (path.includes('/events')) {
        to.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      } else if (path.startsWith('/v1/jobs?')) {
        lists++;
        json({ jobs: Array.from({ length: 8 }, (_, n) => job(n, 'processing')) });
      } else if (path.startsWith('/v1/jobs/')) json(job(1, 'processing'));
      else if (path.startsWith('/v1/batches')) json({ data: [] });
      else {
        const on = ask(url + path, { method: from.method, headers: from.headers }, (answer) => {
          to.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(to);
        });
        from.pipe(on);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const { page } = await visit(browser, `http://127.0.0.1:${port}`, { path: '#jobs' });
    await page.locator('[data-id=job_7]').waitFor();
    for (let tries = 0; tries < 300 && lists < 4; tries++) await page.waitForTimeout(50);
    assert.ok(lists >= 4, `the list was asked for ${lists} times`);
    await page.close();
  });
}
