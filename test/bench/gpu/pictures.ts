/** Pictures a second: rgb -> depth, one step, so many requests in one run. */
import { runPredictions } from '../../../worker/batching/fused/predict.ts';
import { GREEDY, type PredictRequest } from '../../../worker/engine/forward.ts';
import { productRate } from './products.ts';
import {
  type GpuPart,
  medianSeconds,
  operationsOfPicture,
  PATCHES,
  picture,
} from './randomModel.ts';

const TARGET = 'tok_depth@224';
const VOCABULARY = 8192;

const request = (seed: number): PredictRequest => ({
  kind: 'predict',
  modality: TARGET,
  step: 0,
  positions: Array.from({ length: PATCHES }, (_, i) => i),
  conditions: [{ state: picture(seed), weight: 1 }],
  sampling: GREEDY,
  draws: Array.from({ length: PATCHES }, () => 0.5),
});

export const pictureRows: GpuPart = async function* (options) {
  const { device, models, precisions, pictures, say } = options;
  for (const precision of precisions) {
    const { manifest, generate } = await models.load(device, precision);
    say(`the model is loaded in ${precision}`);
    const rate = await productRate(options, precision === 'fp16').catch(() => Number.NaN);
    for (const batch of pictures) {
      const requests = Array.from({ length: batch }, (_, i) => request(i));
      let ran = 0;
      const timed = {
        ...generate,
        run: (...[feeds, outputs, given]: Parameters<typeof generate.run>) =>
          generate.run(feeds, outputs, { ...given, onTime: (time) => (ran = time) }),
      };
      const runs: number[] = [];
      const states = requests.map(({ modality, positions, conditions: [condition] }, i) => ({
        state: condition?.state ?? new Map(),
        givesContext: false,
        groups: [{ key: String(i), modality, positions }],
      }));
      const draws = requests.map((one, i) => ({ request: one, groups: [String(i)] }));
      const all = { states, tokens: PATCHES, draws, known: new Map(), givesOutputs: false };
      const once = async () => {
        await runPredictions(manifest, timed, all);
        runs.push(ran);
      };
      const seconds = await medianSeconds(once);
      const inGraph = (runs.sort((a, b) => a - b)[Math.floor(runs.length / 2)] ?? 0) / 1000;
      const operations = batch * operationsOfPicture(models.size, VOCABULARY);
      const name = `depth_${batch}_${precision}`;
      const what = `rgb -> depth, ${batch} in a run, ${precision}`;
      yield { name: `${name}_seconds`, value: seconds, unit: 's', what };
      yield {
        name: `${name}_graph_seconds`,
        value: inGraph,
        unit: 's',
        what: 'of it in the graph',
      };
      yield {
        name: `${name}_per_second`,
        value: batch / seconds,
        unit: '',
        what: 'pictures a second',
      };
      yield {
        name: `${name}_products_share`,
        value: operations / inGraph / rate,
        unit: '',
        what: 'of the rate of bare products, in the graph',
      };
    }
  }
};
