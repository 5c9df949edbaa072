/** Whether a device predicts the tokens that the CPU predicts in fp32: the demo model at temperature 0. */
import { join } from 'node:path';
import { encodeRgb } from '../../../infra/demo/evaluate/pictures.ts';
import { examples, FIRST_HELD_OUT_SEED } from '../../../infra/demo/scene/scenes.ts';
import { RESOLUTION } from '../../../infra/demo/scene/world.ts';
import { demoModelFolder } from '../../../infra/paths.ts';
import { generateRequestSchema } from '../../../shared/api/generate.ts';
import { exportSet } from '../../../worker/export/exportSet.ts';
import { CPU, type Device, deviceName } from '../../../worker/session/devices.ts';
import { loadModelSet } from '../../../worker/session/loadModels.ts';
import { runGenerate } from '../../../worker/tasks/generate.ts';
import { serveModel } from '../../../worker/tasks/servedModel.ts';
import type { GpuPart } from './randomModel.ts';

const SCENES = 8;
const ALL = ['depth', 'normal', 'semseg', 'canny_edge', 'scene_global', 'caption', 'det'];
const GUIDED = { temperature: 0, guidance_scale: 2, steps: 8 };

/** What is asked of each picture, by the name of the row. */
const ASKED = {
  one_step: {
    chained: false,
    targets: ALL.map((modality) => ({ modality, temperature: 0, guidance_scale: 1 })),
  },
  maskgit_guided: { targets: [{ modality: 'depth', scheme: 'maskgit', ...GUIDED }] },
  roar_guided: { targets: [{ modality: 'semseg', scheme: 'roar', ...GUIDED }] },
  caption_guided: { targets: [{ modality: 'caption', temperature: 0, guidance_scale: 2 }] },
} as const;
type Kind = keyof typeof ASKED;
const KINDS = Object.keys(ASKED) as Kind[];

type Answers = Readonly<Record<Kind, readonly (readonly number[])[]>>;

async function answers(home: string, device: Device): Promise<Answers> {
  const loaded = await loadModelSet(home, { device });
  try {
    const model = await serveModel(loaded);
    const found: Record<Kind, number[][]> = {
      one_step: [],
      maskgit_guided: [],
      roar_guided: [],
      caption_guided: [],
    };
    for (const { rendering } of examples(FIRST_HELD_OUT_SEED, SCENES)) {
      const rgb = { data: (await encodeRgb(rendering.rgb, RESOLUTION)).toString('base64') };
      for (const kind of KINDS) {
        const request = generateRequestSchema.parse({ inputs: { rgb }, ...ASKED[kind] });
        const { outputs } = await runGenerate({ id: 'id', seed: 0, request }, model);
        for (const results of Object.values(outputs))
          found[kind].push([...(results[0]?.tokens ?? [])]);
      }
    }
    return found;
  } finally {
    await loaded.close();
  }
}

function shareOfEqual(expected: readonly (readonly number[])[], found: typeof expected): number {
  let tokens = 0;
  let equal = 0;
  for (const [i, ids] of expected.entries())
    for (const [place, id] of ids.entries()) {
      tokens += 1;
      if (found[i]?.[place] === id) equal += 1;
    }
  return equal / tokens;
}

export const tokenRows: GpuPart = async function* ({ device, folder, precisions, say }) {
  const exported = async (precision: 'fp32' | 'fp16') => {
    const home = join(folder, `demo-${precision}`);
    await exportSet(demoModelFolder, home, { precision });
    return home;
  };
  const homes = { fp32: await exported('fp32'), fp16: await exported('fp16') };
  say('the demo model is exported');
  const expected = await answers(homes.fp32, CPU);
  for (const precision of precisions) {
    if (precision !== 'fp32' && precision !== 'fp16') continue;
    const found = await answers(homes[precision], device);
    for (const kind of KINDS)
      yield {
        name: `equal_${kind}_${precision}`,
        value: shareOfEqual(expected[kind], found[kind]),
        unit: '',
        what: `share of tokens on ${deviceName(device)} in ${precision} that are the CPU's in fp32`,
      };
  }
};
