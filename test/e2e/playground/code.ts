/** The code that is shown, pasted as a visitor would, in every language. */
import assert from 'node:assert/strict';
import { access, cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type PastedLanguage,
  pastedLanguages,
  runPasted,
  shownCode,
} from '../../support/pastedCode.ts';
import { run, visit } from '../../support/playgroundPage.ts';
import type { Place, TestOptions } from '../../support/playgroundPlace.ts';
import { REPOSITORY } from '../../support/shared.ts';

export function codeTests(place: Place, options: TestOptions): void {
  test('curl, TypeScript and Python answer what the page shows', options, async () => {
    const { browser, url, folder } = place();
    const link =
      '#generate?in.rgb=example%3Ascene-4.png&hide.rgb=27-28.35-36&in.caption=text%3Ait%27s+a+%22red%22+%24cone' +
      '&targets=rgb%2Cdet&seed=5&settings=%7B%22%22%3A%7B%22guidance%22%3A%7B%22caption%22%3A1.5%7D%7D%7D';
    const { page } = await visit(browser, url, { path: link });
    await run(page);
    const boxes = page.locator('[data-target=det] .box-list');
    const shown = (await boxes.count()) > 0 ? await boxes.locator('li').count() : 0;
    const pasted = join(folder, 'pasted');
    const runIn = async (language: PastedLanguage): Promise<string> => {
      await rm(pasted, { recursive: true, force: true });
      await mkdir(pasted);
      await cp(join(REPOSITORY, 'examples'), join(pasted, 'examples'), { recursive: true });
      const code = await shownCode(page.locator('#view-generate'), language);
      return await runPasted(language, code, pasted);
    };
    for (const language of pastedLanguages()) {
      const printed = await runIn(language);
      if (language === 'curl') {
        const answer = JSON.parse(printed);
        const [picture, values] = [answer.outputs.rgb[0].image, answer.outputs.det[0].value];
        assert.equal(await page.locator('[data-target=rgb] img').getAttribute('src'), picture);
        assert.equal(values.length, shown);
        continue;
      }
      assert.match(printed, /^det \[/, language);
      await access(join(pasted, 'rgb-0.png'));
    }
    await page.close();
  });
}
