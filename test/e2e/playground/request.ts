/** What the form can ask for: outputs as inputs, hidden parts, guidance, settings of one target. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GenerateRequestBody } from '../../../shared/api/generate.ts';
import { createClient } from '../../../shared/client/index.ts';
import { sentByRun, tickedIn, tickOnly, visit } from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';

type Sent = GenerateRequestBody & { inputs: Record<string, { tokens?: number[]; hide?: unknown }> };

export function requestTests(place: Place, options: TestOptions): void {
  test(
    'a picture is painted from words, used as input, and hidden in part by keys',
    options,
    async () => {
      const { browser, url } = place();
      const { page, complaints } = await visit(browser, url);
      const caption = page.getByLabel('Caption', { exact: true }).first();
      await caption.fill('a small red sphere');
      await page.getByText('Settings', { exact: true }).click();
      await page.getByLabel('Of', { exact: true }).selectOption('rgb');
      // What the server would take stands in the empty field.
      await page.locator('#setting-steps:not([placeholder=default])').waitFor();
      await page.getByLabel('Steps').fill('2');
      await page.getByLabel('Guidance', { exact: true }).selectOption('weights');
      const weight = page.locator('#weight-of-caption');
      await weight.focus();
      for (let presses = 0; presses < 15; presses++) await page.keyboard.press('ArrowLeft');
      // Cards that were filled while others were still to come.
      await page.evaluate(() => {
        new MutationObserver(() => {
          if (!document.querySelector('#form[aria-busy]')) return;
          for (const card of document.querySelectorAll('.card:has(.sample)'))
            card.classList.add('was-early');
        }).observe(document.querySelector('#cards')!, { childList: true, subtree: true });
      });
      const painted = (await sentByRun(page)) as unknown as Sent;
      assert.deepEqual(painted.targets, [
        { modality: 'rgb', steps: 2, guidance: { caption: -0.5 } },
      ]);
      const { outputs, via } = await createClient({ baseUrl: url }).generate(painted);
      for (const name of via?.rgb ?? [])
        assert.equal(await page.locator(`[data-target=${name}].was-early`).count(), 1, name);

      await page.getByRole('button', { name: 'Use as input: rgb picture' }).click();
      await caption.fill('');
      assert.ok(!(await tickedIn(page)).includes('rgb'), 'what is given is not asked for');
      await page.getByRole('button', { name: 'Hide parts' }).first().click();
      await page.locator('.patches button').first().focus();
      for (const key of ['ArrowRight', 'Space', 'ArrowDown', 'Space'])
        await page.keyboard.press(key);
      assert.deepEqual(await tickedIn(page), ['rgb']);
      const completed = (await sentByRun(page)) as unknown as Sent;
      assert.deepEqual(completed.inputs.rgb?.tokens, outputs.rgb?.[0]?.tokens);
      const side = 16;
      const [box] = (completed.inputs.rgb?.hide ?? []) as { box: number[] }[];
      assert.deepEqual(
        box!.box.map((share) => Math.floor(share * side)),
        [1, 0, 1, 1],
      );
      const src = await page.locator('[data-target=rgb] img').getAttribute('src');
      assert.notEqual(src, outputs.rgb?.[0]?.image);
      assert.deepEqual(complaints, []);
      await page.close();
    },
  );

  test(
    'samples lie in a grid, a preset ticks its targets, kept tokens are named',
    options,
    async () => {
      const { browser, url } = place();
      const { page, complaints } = await visit(browser, url, { width: 360, height: 740 });
      await page.getByRole('button', { name: 'Everything from a picture' }).click();
      // The published demo has no such vector: the ticks are the preset's.
      await page.locator('#targets input[value=scene_global]:not(:checked)').waitFor();
      const all = await tickedIn(page);
      assert.ok(all.length >= 8);
      await tickOnly(page, 'depth');
      await page.getByText('Settings', { exact: true }).click();
      await page.getByLabel('Samples').fill('4');
      await page.getByLabel('Keep the tokens').check();
      const sent = (await sentByRun(page)) as unknown as Sent & { preset: string; keep: boolean };
      assert.deepEqual([sent.preset, sent.keep, sent.num_samples], ['rgb-to-all', true, 4]);
      const card = page.locator('[data-target=depth]');
      const tops = await card
        .locator('.sample')
        .evaluateAll((samples) => samples.map((sample) => sample.getBoundingClientRect().top));
      assert.equal(tops.length, 4);
      assert.ok(new Set(tops).size <= 2, 'two samples lie in a row');
      await page.getByRole('button', { name: 'Use as input: depth 2' }).click();
      await tickOnly(page, 'caption');
      const again = (await sentByRun(page)) as unknown as Sent;
      assert.match(JSON.stringify(again.inputs.depth), /^\{"ref":"sha256:[0-9a-f]{64}"\}$/);
      assert.deepEqual(complaints, []);
      await page.close();
    },
  );

  test('on a telephone the results come into view at once', options, async () => {
    const { browser, url } = place();
    const { page } = await visit(browser, url, { width: 360, height: 740 });
    await page.route('**/v1/generate*', () => {});
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    const bar = page.getByRole('progressbar').first();
    await bar.waitFor();
    const { top } = await bar.evaluate((node) => node.getBoundingClientRect());
    assert.ok(top > 0 && top < 740 - 70, `progress is shown ${top} pixels from the top`);
    await page.close();
  });
}
