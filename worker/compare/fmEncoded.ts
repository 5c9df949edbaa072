/** Runs an encoder on the reference's inputs and says where each of its tokens lies in our output. */
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import type { FmManifest, FmVitManifest } from '../../shared/model/manifest.ts';
import type { FloatTensor, GraphSession, Tensor } from '../session/types.ts';
import { CompareError } from './errors.ts';
import { type EncoderFeeds, encoderFeeds, type Row, range, type Tokens } from './fmFeeds.ts';
import { modalityId } from './fmInputs.ts';
import type { Report } from './report.ts';
import { floats, floatTensor, rowOf, type Tensors } from './tensors.ts';

/** An FM, or a backbone, which has no decoder. */
export interface FmModel {
  readonly manifest: FmManifest | FmVitManifest;
  readonly encoder: GraphSession;
  readonly decoder: GraphSession | undefined;
}

/** One token of the reference's sequence: the `index`-th of a modality's, at `place` of the sequence. */
export interface PlacedToken {
  readonly place: number;
  readonly name: string;
  readonly index: number;
}

/** Which modality each token of a sequence is of. */
export interface SequenceOrder {
  /** Modalities as the reference lists them, where no `mod_mask` tells. */
  readonly order: readonly string[];
  readonly ids: Readonly<Record<string, number>>;
}

/**
 * Tokens of one row of a sequence, in its order; padding and registers are left out.
 * @param modMask (B, N) modality ids, -1 for padding and registers
 * @param counts tokens of each modality, where there is no `modMask`
 * @param skipped tokens that lead a sequence without `modMask`
 * @throws CompareError for an id of no modality
 */
export function placedTokens(
  modMask: Tensor | undefined,
  row: number,
  { order, ids }: SequenceOrder,
  counts: Readonly<Record<string, number>>,
  skipped = 0,
): PlacedToken[] {
  if (!modMask) {
    let place = skipped;
    return order.flatMap((name) =>
      range(counts[name] ?? 0).map((index) => ({ place: place++, name, index })),
    );
  }
  const names = new Map(order.map((name) => [ids[name] ?? modalityId(name), name]));
  const length = itemAt(modMask.dims, 1, 'dims');
  const seen: Record<string, number> = {};
  const tokens: PlacedToken[] = [];
  for (let place = 0; place < length; place++) {
    const id = Number(modMask.data[row * length + place]);
    if (id === -1) continue;
    const name = names.get(id);
    if (name === undefined) throw new CompareError(`modality id ${id} is none of the model's`);
    const index = seen[name] ?? 0;
    seen[name] = index + 1;
    tokens.push({ place, name, index });
  }
  return tokens;
}

/** The first tokens of each modality, as many as the reference's sequence holds. */
export function keptTokens(row: Row, tokens: readonly PlacedToken[]): Row {
  const first = ({ content, positions }: Tokens, count: number): Tokens => ({
    content: content.slice(0, count) as Tokens['content'],
    positions: positions.slice(0, count),
  });
  return Object.fromEntries(
    Object.entries(row).map(([name, all]) => [
      name,
      first(all, tokens.filter((token) => token.name === name).length),
    ]),
  );
}

export interface Encoded {
  readonly rows: readonly Row[];
  readonly input: EncoderFeeds;
  readonly outputs: Readonly<Record<string, Tensor>>;
}

export async function encodeRows(model: FmModel, rows: readonly Row[]): Promise<Encoded> {
  const input = encoderFeeds(model.manifest, rows);
  return { rows, input, outputs: await model.encoder.run(input.feeds) };
}

/**
 * Holds an encoder output against the reference's, token by token: the reference sorts its tokens by row,
 * we by modality.
 * @param expected (B, R+N, D)
 * @param tokens of each row of the batch
 */
export function compareTokens(
  report: Report,
  output: string,
  expected: FloatTensor,
  { input, outputs }: Encoded,
  graphOutput: 'features' | 'context',
  tokens: readonly (readonly PlacedToken[])[],
  registers: number,
): void {
  const actual = floats(outputs as Tensors, graphOutput);
  const width = itemAt(actual.dims, 2, 'dims');
  const [batch = 0, length = 0, expectedWidth = 0] = expected.dims;
  if (batch > tokens.length || expectedWidth !== width) {
    const [given, wanted] = [actual.dims.join(', '), expected.dims.join(', ')];
    report.missing(output, `(${given}) where (${wanted}) is expected`);
    return;
  }
  const ours = registers + input.length;
  const pairs = range(batch).flatMap((row) => [
    ...range(registers).map((r): [number, number] => [row * ours + r, row * length + r]),
    ...itemAt(tokens, row, 'rows')
      .filter(({ place }) => place < length)
      .map(({ place, name, index }): [number, number] => [
        row * ours + registers + fieldOf(input.start, name, 'starts') + index,
        row * length + place,
      ]),
  ]);
  const gather = (tensor: FloatTensor, which: 0 | 1) => {
    const data = new Float32Array(pairs.length * width);
    pairs.forEach((pair, i) => {
      data.set(rowOf(tensor, pair[which]), i * width);
    });
    return floatTensor(data, [pairs.length, width]);
  };
  const padding = batch * length - pairs.length;
  const total = tokens.reduce((sum, row) => sum + registers + row.length, 0);
  const notes = [
    padding > 0 ? `${padding} tokens of padding left out` : '',
    pairs.length < total ? `${pairs.length} of ${total} tokens given` : '',
  ];
  report.values(output, gather(actual, 0), gather(expected, 1), {
    note: notes.filter(Boolean).join('; '),
  });
}
