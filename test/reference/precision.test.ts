/**
 * The demo model in each precision, from a PNG to tokens at temperature 0: how many are those of fp32.
 */
import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { encodeRgb } from '../../infra/demo/evaluate/pictures.ts';
import { examples, FIRST_HELD_OUT_SEED } from '../../infra/demo/scene/scenes.ts';
import { RESOLUTION } from '../../infra/demo/scene/world.ts';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import type { GraphForm } from '../../shared/model/graphForms.ts';
import { fmManifestSchema } from '../../shared/model/manifest.ts';
import { PRECISIONS, type Precision } from '../../shared/model/precisions.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import type { GraphSession } from '../../worker/session/types.ts';
import { runGenerate } from '../../worker/tasks/generate.ts';
import { serveModel } from '../../worker/tasks/servedModel.ts';
import { demoSource, skipWithoutDemo } from '../support/demoSet.ts';
import { temporaryFolder } from '../support/exported.ts';
import { withoutExactProducts } from '../support/integerProducts.ts';

const SCENES = 12;
const SCHEME_SCENES = 6;
const FORM_SCENES = 4;
const GUIDED = { temperature: 0, guidance_scale: 2, steps: 8 };
/** Asked of each scene for the schemes: what is predicted in one step is among what they decide upon. */
const SCHEMES = {
  maskgit: [{ modality: 'depth', scheme: 'maskgit', ...GUIDED }],
  roar: [{ modality: 'semseg', scheme: 'roar', ...GUIDED }],
  caption: [{ modality: 'caption', temperature: 0, guidance_scale: 2 }],
} as const;
const TARGETS = ['depth', 'normal', 'semseg', 'canny_edge', 'scene_global', 'caption', 'det'];

describe('precisions of the demo model', { skip: skipWithoutDemo() }, () => {
  let folder: string;
  let expected: number[][];
  before(async () => {
    folder = await temporaryFolder();
    expected = await predictions(await exported('fp32'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function exported(precision: Precision): Promise<string> {
    const home = join(folder, precision);
    const { members } = await exportSet(demoSource()!, home, { precision });
    for (const manifest of Object.values(members)) assert.equal(manifest.precision, precision);
    return home;
  }

  const ONE_STEP = TARGETS.map((modality) => ({ modality, temperature: 0, guidance_scale: 1 }));

  async function predictions(
    home: string,
    form?: GraphForm,
    targets: readonly { readonly modality: string }[] = ONE_STEP,
    scenes = SCENES,
  ): Promise<number[][]> {
    const { write, ...loaded } = await loadModelSet(home, { threads: 1, form });
    let written = 0;
    const counted: GraphSession | undefined = write && {
      ...write,
      run(...given) {
        written++;
        return write.run(...given);
      },
    };
    try {
      const model = await serveModel({ ...loaded, write: counted });
      const found: number[][] = [];
      for (const { rendering } of examples(FIRST_HELD_OUT_SEED, scenes)) {
        const request = generateRequestSchema.parse({
          inputs: {
            rgb: { data: (await encodeRgb(rendering.rgb, RESOLUTION)).toString('base64') },
          },
          targets,
          chained: false,
        });
        const { outputs } = await runGenerate({ id: 'id', seed: 0, request }, model);
        for (const { modality } of targets) found.push([...outputs[modality]![0]!.tokens]);
      }
      const { precision } = loaded.fm;
      const hasTexts = targets.some(({ modality }) => modality === 'caption');
      assert.equal(written > 0, precision === 'int8' && hasTexts, `${precision} writes apart`);
      return found;
    } finally {
      await loaded.close();
    }
  }

  /** Share of the expected tokens, by default fp32's, that are the same at the same place. */
  function agreement(found: readonly (readonly number[])[], wanted = expected): number {
    let tokens = 0;
    let equal = 0;
    for (const [i, ids] of wanted.entries())
      for (const [place, id] of ids.entries()) {
        tokens += 1;
        if (found[i]![place] === id) equal += 1;
      }
    return equal / tokens;
  }
  /** Bytes of the weights' file, over those of four-byte parameters: checkpoints may be of 16 bits themselves. */
  async function relativeSize(precision: Precision): Promise<number> {
    const home = join(folder, precision, 'fm');
    const manifest = JSON.parse(await readFile(join(home, 'model.json'), 'utf8')) as object;
    const { parameters } = fmManifestSchema.parse(manifest);
    return (await stat(join(home, 'weights.bin'))).size / (4 * parameters);
  }

  const BOUNDS: Readonly<
    Record<Exclude<Precision, 'fp32'>, readonly [least: number, size: number]>
  > = {
    fp16: [0.99, 0.6],
    int8: [0.97, 0.45],
    int4: [0.85, 0.4],
  };
  for (const precision of PRECISIONS.filter((one) => one !== 'fp32')) {
    const [least, size] = BOUNDS[precision];
    test(`${precision} keeps its tokens and is smaller`, async (t) => {
      const share = agreement(await predictions(await exported(precision)));
      t.diagnostic(`${(100 * share).toFixed(2)} % of the tokens are those of fp32`);
      assert.ok(share >= least, `${(100 * share).toFixed(2)} % agree`);
      assert.ok((await relativeSize(precision)) < size);
    });
  }

  test('int8 gives the same tokens where weights are read unsigned', async (t) => {
    const skip = await withoutExactProducts();
    if (skip) return t.skip(skip);
    const of = (form: GraphForm) => predictions(join(folder, 'int8'), form, ONE_STEP, FORM_SCENES);
    assert.deepEqual(await of('unsigned'), await of('plain'));
  });

  // The graphs for devices that compute in 16 bits, whose operators a CPU stands in for.
  test('fp16 computed in 16 bits keeps its tokens', async (t) => {
    const share = agreement(await predictions(join(folder, 'fp16'), 'half'));
    t.diagnostic(`${(100 * share).toFixed(2)} % of the tokens are those of fp32`);
    assert.ok(share >= 0.99, `${(100 * share).toFixed(2)} % agree`);
  });

  for (const [scheme, targets] of Object.entries(SCHEMES))
    test(`fp16 computed in 16 bits keeps its tokens: ${scheme}, guided`, async (t) => {
      const of = (precision: Precision, form: GraphForm) =>
        predictions(join(folder, precision), form, targets, SCHEME_SCENES);
      const share = agreement(await of('fp16', 'half'), await of('fp32', 'plain'));
      t.diagnostic(`${(100 * share).toFixed(2)} % of the tokens are those of fp32`);
      // A guided step of MaskGIT sees the tokens of earlier ones, so one near tie changes what follows.
      const least = scheme === 'maskgit' ? 0.98 : 0.99;
      assert.ok(share >= least, `${(100 * share).toFixed(2)} % agree`);
    });
});
