/** The table of presentations: what each one is, and that modalities and tables agree with it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PUBLISHED_MODALITIES } from '../../shared/model/modalities.ts';
import {
  isTextual,
  PRESENTATION_TRAITS,
  PRESENTATIONS,
  traitsOf,
} from '../../shared/model/presentations.ts';
import { gridPresentation } from '../../worker/presentations/grids.ts';
import { textPresentation } from '../../worker/presentations/texts.ts';

describe('presentations', () => {
  test('of published sequences are texts, and of grids are not', () => {
    for (const [name, { type, presentation }] of Object.entries(PUBLISHED_MODALITIES))
      assert.equal(isTextual(presentation), type !== 'img', name);
  });

  test('take pictures where they are pictures, and show everything', () => {
    for (const presentation of PRESENTATIONS) {
      if (isTextual(presentation)) {
        assert.throws(() => gridPresentation(presentation), /a grid is not presented as/);
        continue;
      }
      assert.throws(() => textPresentation(presentation), /a sequence is not presented as/);
      const { fromPicture, fromArray } = gridPresentation(presentation);
      const { kind } = traitsOf(presentation);
      assert.equal(fromPicture !== undefined, kind === 'picture', presentation);
      assert.ok(fromPicture || fromArray, presentation);
    }
  });

  test('of texts say their form where they are structured', () => {
    for (const presentation of PRESENTATIONS.filter(isTextual)) {
      const { isStructured, isJson, charactersPerToken } = PRESENTATION_TRAITS[presentation];
      assert.equal(textPresentation(presentation).form !== undefined, isStructured, presentation);
      assert.ok(isJson && charactersPerToken > 0, presentation);
    }
  });
});
