/** The other views, whose answers come late: what was asked for last is shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PNG } from '../../support/fakeWorker.ts';
import { hold } from '../../support/held.ts';
import { PAGE_TIMEOUT, textOf, visit } from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

const png = (name: string) => ({ name, mimeType: 'image/png', buffer: PNG });

export function viewOrderTests(place: Place, options: TestOptions): void {
  test('an error of a fit stands at the picture that it is about', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url, { path: '#classify' });
    const held = await hold(page, '**/v1/heads*');
    for (const [label, names] of [
      ['cone', ['1.png', '2.png']],
      ['box', ['3.png', '4.png']],
    ] as const) {
      await page.getByLabel('Class of what is added next').fill(label);
      await page.locator('#examples-files').setInputFiles(names.map(png));
      await page.getByAltText(names[1], { exact: true }).waitFor();
    }
    await page.getByRole('button', { name: 'Fit', exact: true }).click();
    const fit = await held.at(0);
    await page.getByRole('button', { name: 'Remove picture 1', exact: true }).click();
    const errors = [{ pointer: '/examples/2/inputs/rgb', detail: 'this is no picture' }];
    const problem = { title: 'Wrong', status: 422, detail: 'It is wrong', code: 'invalid_image' };
    await fit.fulfill({
      status: 422,
      contentType: 'application/problem+json',
      body: JSON.stringify({ ...problem, request_id: '1', retryable: false, errors }),
    });
    const wrong = page.locator('.labelled li', { hasText: 'this is no picture' });
    await wrong.waitFor();
    assert.equal(await wrong.locator('img').getAttribute('alt'), '3.png');
    await page.close();
  });

  test('the code of a fit names the files that it had', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url, { path: '#classify' });
    const held = await hold(page, '**/v1/heads*');
    for (const label of ['cone', 'box']) {
      await page.getByLabel('Class of what is added next').fill(label);
      // Each its own bytes, since code names a file for each.
      const files = [1, 2].map((n) => ({
        ...png(`${label}-${n}.png`),
        buffer: Buffer.concat([PNG, Buffer.from(label + n)]),
      }));
      await page.locator('#examples-files').setInputFiles(files);
      await page.getByAltText(`${label}-2.png`).waitFor();
    }
    await page.getByRole('button', { name: 'Fit', exact: true }).click();
    const fit = await held.at(0);
    await page.getByRole('button', { name: 'Remove picture 1', exact: true }).click();
    const version = `sha256:${'0'.repeat(64)}`;
    await fit.fulfill({ json: { name: 'my-head', version, labels: ['box', 'cone'] } });
    await page.getByText('Fitted to 4 examples of 2 classes.').waitFor();
    const code = await textOf(page.locator('#view-classify .shown-code'));
    assert.match(code, /cone-1\.png/);
    assert.doesNotMatch(code, /base64,/);
    await page.close();
  });

  test('of two periods the one that is chosen is shown', options, async () => {
    const { browser, url } = place();
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    const held = await hold(page, '**/v1/usage*');
    await page.goto(`${url}/#usage`);
    const answer = async (index: number): Promise<void> => {
      const route = await held.at(index);
      const from = new URL(route.request().url()).searchParams.get('from') ?? '';
      const total = { requests: index, cached: 0, units: 0, amount: 0, returned: 0 };
      const sums = { balance: 0, held: 0, charged: 0, granted: 0, rows: [], total };
      await route.fulfill({ json: { from, to: 'today', currency: 'EUR', group_by: [], ...sums } });
    };
    await answer(0);
    await page.getByText('0 requests from').waitFor();
    await page.getByLabel('Time').selectOption('90');
    await held.at(1);
    await page.getByLabel('Time').selectOption('7');
    await answer(2);
    await page.getByText('2 requests from').waitFor();
    await answer(1);
    await page.waitForTimeout(200);
    assert.ok(await page.getByText('2 requests from').isVisible());
    await page.close();
  });
}
