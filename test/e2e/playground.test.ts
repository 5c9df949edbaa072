/**
 * The playground in a real browser against the whole product: what a visitor does, and that the curl
 * command shown does the same. `FOURM_PLAYGROUND_URL` tests a server that already runs.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import type { GenerateResponse } from '../../shared/api/generate.ts';
import { createClient } from '../../shared/client/index.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import {
  drop,
  pixelsOf,
  RUN_TIMEOUT,
  run,
  textOf,
  tickOnly,
  type Visit,
  visit,
} from '../support/playgroundPage.ts';
import { type Product, startProduct } from '../support/product.ts';
import { accessTests } from './playground/access.ts';
import { codeTests } from './playground/code.ts';
import { firstScreenTests } from './playground/firstScreen.ts';
import { requestTests } from './playground/request.ts';
import { stateTests } from './playground/state.ts';

const missing = browserMissing();
const options = missing ? { skip: missing } : {};

let url = process.env.FOURM_PLAYGROUND_URL ?? '';
let folder: string;
let product: Product | undefined;
let browser: Browser;
let picture: Buffer;

before(async () => {
  if (missing) return;
  folder = await mkdtemp(join(tmpdir(), 'playground-'));
  // A scene of the demo model's kind, drawn here: sky, ground, a red ball and a blue block. The ground
  // differs a little every time, so that a server that already ran has no stored result.
  const ground = `rgb(150, ${130 + Math.floor(Math.random() * 20)}, ${115 + Math.floor(Math.random() * 20)})`;
  picture = await sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">
        <rect width="64" height="26" fill="#87b5e6"/><rect y="26" width="64" height="38" fill="${ground}"/>
        <circle cx="20" cy="38" r="9" fill="#c81e1e"/><rect x="36" y="28" width="17" height="18" fill="#2846c8"/>
      </svg>`,
    ),
  )
    .png()
    .toBuffer();
  await writeFile(join(folder, 'my scene.png'), picture);
  if (url === '') {
    product = await startProduct(join(folder, 'data'));
    url = product.url;
  }
  url = url.replace(/\/$/, '');
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await product?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const open = (width = 1280): Promise<Visit> => visit(browser, url, { width });

/** Runs a shown command in the folder with the picture, as a visitor would. */
const runShown = async (page: Page): Promise<string> => {
  const command = await textOf(page.locator('.shown-code'));
  const script = `curl() { command curl "$@" -w '%{stderr}%{http_code}'; }\n${command}`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], {
    cwd: folder,
    maxBuffer: 64e6,
  });
  assert.equal(stderr, '200', `${command}\n${stdout.slice(0, 500)}`);
  return stdout;
};

test(
  'drop a picture, tick five targets, see five predictions; curl answers the same',
  options,
  async () => {
    const { page, complaints } = await open();
    const { modalities } = await createClient({ baseUrl: url }).modalities();
    const size = modalities.find(({ name }) => name === 'depth')?.input_size;
    await drop(page, 'my scene.png', 'image/png', picture);
    await page.getByText('my scene.png').waitFor();
    await tickOnly(page, 'depth', 'normal', 'semseg', 'caption', 'det');
    const notes = await page.evaluateHandle(() => {
      const seen: string[] = [];
      new MutationObserver(() => {
        for (const note of document.querySelectorAll('.pending .hint'))
          seen.push(note.textContent ?? '');
      }).observe(document.querySelector('#cards')!, { childList: true, subtree: true });
      return seen;
    });
    assert.match(await run(page), /seed \d+/);
    const steps = (await notes.jsonValue()).filter((note) => /^step \d+ of \d+$|^done/.test(note));
    assert.ok(steps.length > 0, 'no progress was shown');

    for (const target of ['depth', 'normal', 'semseg']) {
      const { width, colours } = await pixelsOf(page, target);
      assert.equal(width, size, target);
      assert.equal(colours.length, width * width, target);
      const distinct = new Set(colours).size;
      assert.ok(distinct >= (target === 'semseg' ? 2 : 8), `${target} has ${distinct} colours`);
    }
    const legend = await page.locator('[data-target=semseg] .legend li i').evaluateAll((swatches) =>
      swatches.map((swatch) => {
        const channels = getComputedStyle(swatch).backgroundColor.match(/\d+/g)!.slice(0, 3);
        return `#${channels.map((channel) => Number(channel).toString(16).padStart(2, '0')).join('')}`;
      }),
    );
    const segments = await pixelsOf(page, 'semseg');
    const unnamed = segments.colours.filter((colour) => !legend.includes(colour));
    assert.equal(
      unnamed.length,
      0,
      `${unnamed.length} pixels, such as ${unnamed[0]}, are not in the legend`,
    );

    const caption = await textOf(page.locator('[data-target=caption] .text'));
    assert.match(caption, /[a-z]{3}/);

    const answer = JSON.parse(await runShown(page)) as GenerateResponse;
    assert.equal(answer.outputs.caption?.[0]?.text, caption);
    const shownBoxes = await page.locator('[data-target=det] .box-list li').count();
    const boxes = answer.outputs.det?.[0]?.value;
    assert.ok(Array.isArray(boxes));
    assert.equal(boxes.length, shownBoxes);

    assert.match(await run(page), /from the cache/);
    assert.equal(await textOf(page.locator('[data-target=caption] .text')), caption);
    assert.deepEqual(complaints, []);
    await page.close();
  },
);

test('the curl command of a single picture writes that picture', options, async () => {
  const { page } = await open();
  await drop(page, 'my scene.png', 'image/png', picture);
  await tickOnly(page, 'depth');
  await run(page);
  await runShown(page);
  const file = await readFile(join(folder, 'depth.png'));
  const { format, width } = await sharp(file).metadata();
  assert.deepEqual([format, width], ['png', (await pixelsOf(page, 'depth')).width]);
  await page.close();
});

test('settings reach the server, and the curl command says them', options, async () => {
  const { page } = await open();
  await page.getByLabel('Caption', { exact: true }).first().fill("a red sphere; it's large");
  await tickOnly(page, 'rgb', 'depth');
  await page.getByText('Settings', { exact: true }).click();
  await page.getByLabel('Steps').fill('3');
  await page.getByLabel('Seed', { exact: true }).fill('42');
  assert.match(await run(page), /seed 42\b/);
  const answer = JSON.parse(await runShown(page)) as GenerateResponse;
  assert.equal(answer.seed, 42);
  const shown = await page.locator('[data-target=rgb] img.result-picture').getAttribute('src');
  assert.equal(answer.outputs.rgb?.[0]?.image, shown);
  await page.close();
});

test('the keyboard alone is enough', options, async () => {
  const { page, complaints } = await open();
  const pressUntil = async (selector: string): Promise<void> => {
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector))
        return;
    }
    assert.fail(`Tab never reaches ${selector}`);
  };
  await pressUntil('#input-rgb');
  await pressUntil('#input-caption');
  await page.keyboard.type('a blue box');
  // What is given is not predicted: the tick is out of the way, and keys pass it.
  assert.equal(await page.locator('input[name=target][value=caption]').isDisabled(), true);
  const normal = 'input[name=target][value=normal]';
  await pressUntil('input[name=target]');
  for (let presses = 0; presses < 10; presses++) {
    if (await page.evaluate((one) => document.activeElement?.matches(one), normal)) break;
    await page.keyboard.press('ArrowDown');
  }
  await page.keyboard.press('Space');
  assert.equal(await page.locator('input[name=target][value=normal]').isChecked(), true);
  await pressUntil('#run');
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^Done in/).waitFor({ timeout: RUN_TIMEOUT });
  assert.ok((await pixelsOf(page, 'normal')).width > 0);
  assert.deepEqual(complaints, []);
  await page.close();
});

test(
  'a file that is no picture is refused at its field, by the page or by the server',
  options,
  async () => {
    const { page } = await open();
    const error = page.locator('#error-rgb');
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await drop(page, 'notes.txt', 'text/plain', Buffer.from('milk, eggs'));
    await error.filter({ hasText: 'notes.txt is not a picture' }).waitFor();
    assert.equal(await error.getAttribute('role'), 'alert');
    assert.equal(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled(), true);

    // The name claims a picture, so only the bytes tell.
    await drop(page, 'notes.png', 'image/png', Buffer.from('milk, eggs'));
    await tickOnly(page, 'depth');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    const alert = page.locator('#problem .problem');
    await alert.waitFor();
    assert.match(await textOf(alert), /The picture cannot be decoded[\s\S]*invalid_image/);
    await error.filter({ hasText: /\w/ }).waitFor();
    assert.equal(await page.locator('[data-target]').count(), 0);
    await page.close();
  },
);

test('a request can be cancelled, and a server that is gone is said to be', options, async () => {
  const { page } = await open();
  await drop(page, 'my scene.png', 'image/png', picture);
  // Held back here, so that the request cannot finish before it is cancelled.
  await page.route('**/v1/generate*', () => {});
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Cancelled.').waitFor();
  assert.equal(await page.locator('[data-target]').count(), 0);
  await page.unroute('**/v1/generate*');
  await page.route('**/v1/generate*', (route) => route.abort('connectionrefused'));
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
  await page.close();
});

test('a narrow screen shows everything without scrolling sideways', options, async () => {
  const { page } = await open(360);
  await drop(page, 'my scene.png', 'image/png', picture);
  await tickOnly(page, 'depth', 'caption');
  await run(page);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await page.close();
});

firstScreenTests(() => ({ browser, url, folder }), options);
requestTests(() => ({ browser, url, folder }), options);
stateTests(() => ({ browser, url, folder }), options);
codeTests(() => ({ browser, url, folder }), options);
accessTests(() => ({ browser, url, folder }), options);
