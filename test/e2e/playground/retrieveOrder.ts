/** The view for retrieval, whose answers come late: what was asked for last is shown, and acted on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { PNG } from '../../support/fakeWorker.ts';
import { type Held, hold, readSlowly } from '../../support/held.ts';
import { PAGE_TIMEOUT, textOf } from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

const collection = (name: string) => ({
  ...{ name, embedding: { kind: 'features', model: 'fake' }, dimensions: 4, count: 1 },
  metadata: { name: { type: 'string' }, thumbnail: { type: 'string' } },
});
const item = (id: string, score?: number) => ({ id, metadata: {}, score });
const png = (name: string) => ({ name, mimeType: 'image/png', buffer: PNG });

interface View {
  readonly page: Page;
  /** Every request about collections, in its order. */
  readonly held: Held;
  /** Answers the request of this number. */
  answer(index: number, json: object, status?: number): Promise<void>;
}

export function retrieveOrderTests(place: Place, options: TestOptions): void {
  async function open(isSlow = false): Promise<View> {
    const { browser, url } = place();
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_TIMEOUT);
    if (isSlow) await readSlowly(page);
    const held = await hold(page, '**/v1/collections**');
    await page.goto(`${url}/#retrieve`);
    return {
      page,
      held,
      answer: async (index, json, status = 200) =>
        await (await held.at(index)).fulfill({ json, status }),
    };
  }
  /** A page that shows the first of two collections. */
  async function openOne(isSlow = false): Promise<View> {
    const view = await open(isSlow);
    await view.answer(0, { collections: [collection('one'), collection('two')] });
    await view.answer(1, collection('one'));
    await view.answer(2, { items: [item('of one')] });
    await view.page.locator('[data-item="of one"]').waitFor();
    return view;
  }
  const shown = (page: Page): Promise<(string | null)[]> =>
    page
      .locator('[data-item]')
      .evaluateAll((cards) => cards.map((card) => card.getAttribute('data-item')));
  const words = (page: Page) => page.locator('#search-caption');
  const search = (page: Page): Promise<void> =>
    page.locator('#view-retrieve').getByRole('button', { name: 'Search', exact: true }).click();

  test('a collection that is chosen is the one that is shown and changed', options, async () => {
    const { page, held, answer } = await open();
    await answer(0, { collections: [collection('one'), collection('two')] });
    await held.at(1);
    await page.getByLabel('Collection').selectOption('two');
    await answer(2, collection('two'));
    await answer(3, { items: [item('of two')] });
    await page.locator('[data-item="of two"]').waitFor();
    // Where it has not been given up, the answer that was asked for first comes now.
    await answer(1, collection('one')).catch(() => {});
    await page.waitForTimeout(200);
    await page.getByRole('button', { name: 'Delete: of two' }).click();
    const paths: string[] = [];
    for (let index = 4; paths.length === 0; index++) {
      const request = (await held.at(index)).request();
      if (request.method() === 'DELETE') paths.push(new URL(request.url()).pathname);
    }
    assert.deepEqual(paths, ['/v1/collections/two/items/of%20two']);
    await page.close();
  });

  test('of two searches the later one is shown', options, async () => {
    const { page, held, answer } = await openOne();
    for (const [index, text] of ['first', 'second'].entries()) {
      await words(page).fill(text);
      await search(page);
      await held.at(3 + index);
    }
    await answer(4, { results: [item('second', 1)] });
    await page.locator('[data-item=second]').waitFor();
    await answer(3, { results: [item('first', 1)] }).catch(() => {});
    await page.waitForTimeout(200);
    assert.deepEqual(await shown(page), ['second']);
    await page.close();
  });

  test('what is found stays when something is deleted or added late', options, async () => {
    const { page, held, answer } = await openOne();
    await page.getByRole('button', { name: 'Delete: of one' }).click();
    await held.at(3);
    await page.locator('#add-pictures').setInputFiles(png('new.png'));
    await held.at(4);
    await words(page).fill('words');
    await search(page);
    await answer(5, { results: [item('found', 1)] });
    await page.locator('[data-item=found]').waitFor();
    await answer(3, { deleted: true });
    await answer(4, { items: 1 });
    await page.waitForTimeout(300);
    assert.equal(held.count(), 6);
    assert.deepEqual(await shown(page), ['found']);
    assert.match(await textOf(page.locator('#view-retrieve .shown-code')), /words/);
    await page.close();
  });

  test('a search has the file that was chosen before it', options, async () => {
    const { page, held } = await openOne(true);
    await page.locator('#input-search-rgb').setInputFiles(png('slow.png'));
    await search(page);
    const request = (await held.at(3)).request();
    assert.match(request.postData() ?? '', /base64/);
    await page.close();
  });

  test('a collection is made once, and stays chosen when the list comes', options, async () => {
    const { page, held, answer } = await open();
    await held.at(0);
    await page.getByText('New collection').click();
    await page.getByRole('button', { name: 'Make it' }).dblclick();
    await answer(1, collection('pictures'), 201);
    await page
      .locator('#collection option', { hasText: 'pictures' })
      .waitFor({ state: 'attached' });
    await answer(0, { collections: [collection('another'), collection('pictures')] });
    await page.locator('#collection option').nth(1).waitFor({ state: 'attached' });
    assert.equal(await page.getByLabel('Collection').inputValue(), 'pictures');
    const posts: string[] = [];
    for (let index = 0; index < held.count(); index++)
      posts.push((await held.at(index)).request().method());
    assert.equal(posts.filter((method) => method === 'POST').length, 1);
    await page.close();
  });

  test('a collection that is chosen stays when another one is deleted late', options, async () => {
    const { page, held, answer } = await open();
    const names = ['one', 'two', 'three'];
    await answer(0, { collections: names.map(collection) });
    page.on('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    let at = 1;
    while ((await held.at(at)).request().method() !== 'DELETE') at++;
    await page.getByLabel('Collection').selectOption('three');
    await answer(at, { deleted: true });
    await page.locator('#collection option', { hasText: 'one' }).waitFor({ state: 'detached' });
    assert.equal(await page.getByLabel('Collection').inputValue(), 'three');
    await page.close();
  });

  test('pictures of which one is refused are not said to be added still', options, async () => {
    const { page, held, answer } = await openOne();
    await page.locator('#add-pictures').setInputFiles(['1', '2', '3'].map((n) => png(`${n}.png`)));
    await held.at(5);
    const problem = { title: 'Wrong', status: 422, detail: 'It is wrong', code: 'invalid_image' };
    await answer(3, { ...problem, request_id: '1', retryable: false }, 422);
    for (const index of [4, 5]) await answer(index, { items: 1 });
    // What was added is shown.
    await answer(6, { ...collection('one'), count: 3 });
    await answer(7, { items: ['of one', '2.png', '3.png'].map((id) => item(id)) });
    await page.locator('#retrieve-problem .problem').waitFor();
    await page.waitForTimeout(200);
    assert.deepEqual(await shown(page), ['of one', '2.png', '3.png']);
    assert.doesNotMatch(await textOf(page.locator('#retrieve-status')), /Added/);
    await page.close();
  });
}
