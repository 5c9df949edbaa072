/** Agreement of a backbone with a head: the best class of fixed inputs. */
import { fieldOf, itemAt } from '../../../shared/lookup.ts';
import type { FmVitManifest } from '../../../shared/model/manifest.ts';
import { argmax } from '../../engine/sampling.ts';
import type { GraphSession, Tensor } from '../../session/types.ts';
import { type Agreement, countEqual, graphOf, type Sessions } from './counting.ts';
import { waves } from './pictures.ts';

const ROWS = 16;

/** @returns undefined where there is no head */
export async function headAgreement(
  manifest: FmVitManifest,
  fp32: Sessions,
  lowered: Sessions,
): Promise<Agreement | undefined> {
  if (manifest.config.classes === null) return undefined;
  const [expected, actual]: [number[], number[]] = [[], []];
  for (let row = 0; row < ROWS; row++) {
    const feeds = inputsOf(manifest, graphOf(fp32, 'encoder'), row);
    expected.push(await bestClass(fp32, feeds));
    actual.push(await bestClass(lowered, feeds));
  }
  return countEqual(expected, actual);
}

async function bestClass(
  sessions: Sessions,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<number> {
  const { logits } = await graphOf(sessions, 'encoder').run(feeds, ['logits']);
  if (logits?.type !== 'float32') throw new Error('agreement: a head gave no logits');
  return argmax(logits.data);
}

/** One whole modality, the first; the others are empty. */
function inputsOf(
  { config, modalities }: FmVitManifest,
  { signature }: GraphSession,
  row: number,
): Record<string, Tensor> {
  const first = itemAt(config.domains_in, 0, 'domains_in');
  const { max_tokens, vocab_size = 1 } = fieldOf(modalities, first, 'modalities');
  return Object.fromEntries(
    signature.inputs.map(({ name, type, dims }): [string, Tensor] => {
      const tokens = name === 'mask' || name.startsWith(`${first}.`) ? max_tokens : 0;
      const width = dims[2];
      const shape = [1, tokens, ...(typeof width === 'number' ? [width] : [])];
      const count = shape.reduce((product, size) => product * size, 1);
      if (type === 'bool') return [name, { type, dims: shape, data: new Uint8Array(count) }];
      if (type === 'float32')
        return [name, { type, dims: shape, data: waves(1, tokens, count / (tokens || 1), row) }];
      const value = name.endsWith('.positions')
        ? (i: number) => i
        : (i: number) => ((i + 1) * (row + 1)) % vocab_size;
      const data = BigInt64Array.from({ length: count }, (_, i) => BigInt(value(i)));
      return [name, { type: 'int64', dims: shape, data }];
    }),
  );
}
