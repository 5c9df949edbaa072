/** Texts that are partly given to the demo model: what was given stays in the answer, and what is odd is told. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type GenerateRequestBody, generateRequestSchema } from '../../shared/api/generate.ts';
import { present } from '../../shared/lookup.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { runGenerate } from '../../worker/tasks/generate.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';

describe('a text with gaps', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let model: ServedModel;
  before(async () => {
    set = await exportDemo(present(demoSource(), 'the demo model'));
    model = await serveModel(await loadModelSet(join(set.modelsFolder, 'demo'), { threads: 1 }));
  });
  after(async () => {
    await model?.loaded.close();
    await set?.remove();
  });
  const run = (caption: string, seed: number) => {
    const body: GenerateRequestBody = {
      inputs: { caption },
      targets: [{ modality: 'caption', temperature: 1 }],
    };
    const request = generateRequestSchema.parse(body);
    return runGenerate({ id: 'id', seed, request }, model);
  };

  test('keeps what was given, whatever is written into the gaps', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const { outputs, warnings } = await run('a [S_1] left of a [S_2]', seed);
      assert.match(outputs.caption?.[0]?.text ?? '', /^a( .*)? left of a/);
      const isKnown = model.text.tokenize('left of', 'plain').unknown.length === 0;
      assert.equal(warnings === undefined, isKnown);
    }
  });

  test('keeps words that the vocabulary lacks, and warns of them', async () => {
    for (let seed = 0; seed < 4; seed++) {
      const { outputs, warnings } = await run('a unicorn [S_1] a box', seed);
      assert.match(outputs.caption?.[0]?.text ?? '', /^a unicorn( .*)? a box/);
      assert.deepEqual(
        warnings?.map(({ code, pointer }) => [code, pointer]),
        [['unknown_words', '/inputs/caption']],
      );
    }
  });
});
