/** Tokens a second of captions that are written side by side, in one run and in pieces. */
import { createScheduler } from '../../../worker/batching/scheduler.ts';
import { GREEDY, type WriteRequest } from '../../../worker/engine/forward.ts';
import { type GpuPart, medianSeconds, picture } from './randomModel.ts';

/** So many tokens tell what a run costs before its first one. */
const FEW = 8;

const request = (seed: number, tokens: number): WriteRequest => ({
  kind: 'write',
  modality: 'caption',
  conditions: [{ state: picture(seed), weight: 1 }],
  ids: [5],
  sampling: GREEDY,
  draws: Array.from({ length: tokens }, () => 0.5),
  stops: [],
  isLast: true,
});

export const captionRows: GpuPart = async function* ({
  device,
  models,
  precisions,
  captions,
  tokens,
  say,
}) {
  for (const precision of precisions) {
    const { manifest, generate: graph } = await models.load(device, precision);
    say(`the model is loaded in ${precision}`);
    const write = (requests: readonly WriteRequest[], piece?: number) =>
      createScheduler(manifest, graph, { device, ...(piece !== undefined && { piece }) })
        .join()
        .run(requests);
    for (const batch of captions) {
      const requests = (count: number) =>
        Array.from({ length: batch }, (_, i) => request(i, count));
      const name = `caption_${batch}_${precision}`;
      const limits = { warm: 1, most: 5, seconds: 4 };
      const many = requests(tokens);
      const whole = await medianSeconds(() => write(many, tokens), limits);
      yield {
        name: `${name}_per_second`,
        value: (batch * tokens) / whole,
        unit: '',
        what: `tokens a second, ${batch} captions of ${tokens} in one run, ${precision}`,
      };
      const few = requests(FEW);
      const start = await medianSeconds(() => write(few, FEW), limits);
      const token = (whole - start) / (tokens - FEW);
      yield {
        name: `${name}_token_ms`,
        value: 1000 * token,
        unit: 'ms',
        what: 'each further token',
      };
      yield {
        name: `${name}_start_ms`,
        value: 1000 * (start - FEW * token),
        unit: 'ms',
        what: 'before the first token: picture, context',
      };
      const pieces = await medianSeconds(() => write(many), limits);
      yield {
        name: `${name}_in_pieces`,
        value: pieces / whole,
        unit: 'x',
        what: 'the time in pieces that can be cancelled, to that of one run',
      };
    }
  }
};
