/** What a newcomer sees before he has done anything, and what his first words ask for. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GenerateResponse } from '../../../shared/api/generate.ts';
import { createClient } from '../../../shared/client/index.ts';
import { drop, run, textOf, tickedIn, tickOnly, visit } from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';
import { REPOSITORY } from '../../support/shared.ts';

/** Of the example's tokens, those that a processor of another kind may answer otherwise. */
const MOST_OTHERS = 0.02;

export function firstScreenTests(place: Place, options: TestOptions): void {
  test('the first screen shows an answer of the model for every target', options, async () => {
    const { browser, url } = place();
    const { page, complaints } = await visit(browser, url);
    const { models } = await createClient({ baseUrl: url }).models();
    const [model] = models;
    const targets = model!.modalities.filter(({ output, name }) => output && name !== 'rgb');
    const names = targets.map(({ name }) => name);
    assert.deepEqual(await tickedIn(page), names);
    for (const name of names)
      assert.equal(await page.locator(`[data-target=${name}] .sample`).count(), 1, name);
    await page.getByText(`Knows ${model!.knows!.world}`).waitFor();
    await page.locator('#price', { hasText: /^[\d,]+ units$/ }).waitFor();

    // It is what the model answers now.
    const file = join(REPOSITORY, 'edge/playground/firstExample.json');
    const example = JSON.parse(await readFile(file, 'utf8')) as { response: GenerateResponse };
    assert.equal(example.response.model.digest, model!.digest);
    await run(page);
    const rgb = await readFile(join(REPOSITORY, 'examples/scene-1.png'), 'base64');
    const answer = await createClient({ baseUrl: url }).generate({
      inputs: { rgb: { data: rgb } },
      targets: names,
    });
    assert.equal(answer.id, example.response.id);
    const tokensOf = ({ outputs }: GenerateResponse): number[] =>
      names.flatMap((name) => outputs[name]?.[0]?.tokens ?? []);
    const [now, then] = [tokensOf(answer), tokensOf(example.response)];
    assert.equal(now.length, then.length);
    const others = now.filter((id, i) => id !== then[i]).length;
    assert.ok(others <= MOST_OTHERS * now.length, `${others} of ${now.length} tokens are others`);
    const caption = await textOf(page.locator('[data-target=caption] .text'));
    assert.equal(caption, answer.outputs.caption?.[0]?.text);
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('words ask for a picture, and an unfamiliar picture is told of', options, async () => {
    const { browser, url } = place();
    const { page, complaints } = await visit(browser, url);
    // The example gives way to what is typed.
    await page.getByLabel('Caption', { exact: true }).first().fill('a blue cone');
    assert.deepEqual(await tickedIn(page), ['rgb']);
    assert.equal(await page.getByRole('button', { name: 'Hide parts' }).isVisible(), false);

    const noise = Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 7919) % 256);
    const { default: sharp } = await import('sharp');
    const raw = { width: 64, height: 64, channels: 3 } as const;
    const png = await sharp(Buffer.from(noise), { raw }).png().toBuffer();
    await drop(page, 'noise.png', 'image/png', png);
    await tickOnly(page, 'scene_global');
    await run(page);
    await page.locator('#problem .warning', { hasText: 'knows' }).waitFor();
    await drop(page, 'moving.gif', 'image/gif', Buffer.from('GIF89a'));
    await page.getByText(/moving.gif is image\/gif, which the server does not decode/).waitFor();
    assert.deepEqual(complaints, []);
    await page.close();
  });
}
