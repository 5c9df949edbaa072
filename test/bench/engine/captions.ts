/** Captions of full length: alone, eight at once, in 8 bits, and by the reference's schedule. */
import type { RunRequests, Written } from '../../../worker/engine/forward.ts';
import type { BenchRow } from '../main.ts';
import { GIGAFLOPS } from './gigaflops.ts';
import type { BenchModels } from './models.ts';
import {
  CAPTION_TOKENS,
  caption,
  captionStep,
  nextPicture,
  seconds,
  sideBySide,
  writeCaptions,
} from './work.ts';

/** Steps of the reference that stand for the ones around them. */
const STRIDE = 32;
const ROUNDS = 3;

/** The reference's time for a caption, from every 32nd of its steps. */
async function plainCaption(run: RunRequests): Promise<number> {
  const state = nextPicture();
  const first = captionStep(state, [5], 1);
  const [written] = (await run([first])) as Written[];
  let total = await seconds(() => run([first]));
  for (let length = STRIDE / 2; length < CAPTION_TOKENS; length += STRIDE) {
    const ids = Array.from({ length }, (_, i) => 5 + i);
    const step = { ...captionStep(state, ids, 1), cache: written!.cache };
    const [middle = Number.NaN] = await sideBySide([() => run([step])], 2);
    total += STRIDE * middle;
  }
  return total;
}

export async function captionRows(models: BenchModels): Promise<BenchRow[]> {
  const fp32 = await models.fused('fp32');
  const [one = Number.NaN] = await sideBySide([(picture) => caption(fp32, picture)], ROUNDS);
  const reference = await plainCaption(await models.plain());
  return [
    {
      name: 'caption_256_seconds',
      value: one,
      unit: 's',
      what: 'rgb -> 256 caption tokens at 4M-B size, fp32, one row',
    },
    {
      name: 'caption_256_reference_seconds',
      value: reference,
      unit: 's',
      what: 'the same by the reference schedule, summed from every 32nd step',
    },
    {
      name: 'caption_256_speedup',
      value: reference / one,
      unit: 'x',
      what: 'reference schedule to ours',
    },
    ...GIGAFLOPS.caption,
  ];
}

export async function captionBatchRows(models: BenchModels): Promise<BenchRow[]> {
  const fp32 = await models.fused('fp32');
  const eight = (next: () => ReturnType<typeof nextPicture>) =>
    writeCaptions(fp32, Array.from({ length: 8 }, next));
  const same = nextPicture();
  const [one = Number.NaN, samples = Number.NaN, pictures = Number.NaN] = await sideBySide(
    [(picture) => caption(fp32, picture), () => eight(() => same), () => eight(nextPicture)],
    1,
  );
  return [
    {
      name: 'caption_256_batch8_cost',
      value: samples / one,
      unit: 'x',
      what: 'eight samples of one picture to one',
    },
    {
      name: 'caption_256_pictures8_cost',
      value: pictures / one,
      unit: 'x',
      what: 'captions of eight pictures to one',
    },
  ];
}
