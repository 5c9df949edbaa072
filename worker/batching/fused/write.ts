/**
 * The next tokens of sequences of one modality, written side by side inside the graph. Each sequence has its own
 * context and its own length so far. What a row attends to is laid out by its place in its sequence alone,
 * so that its tokens do not depend on what else is in the run, to the last bit: runs begin at whole pieces, and
 * widths are multiples of a step.
 */
import { itemAt } from '../../../shared/lookup.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import { sequencesOf } from '../../../shared/model/writeSignature.ts';
import type { WriteRequest } from '../../engine/forward.ts';
import type { GraphSession, Tensor } from '../../session/types.ts';
import { asDraws, bool, float32, int64, numbersOf } from './feeds.ts';
import { type Prediction, predictionFeeds, sequenceFeeds, targetFeeds } from './sampling.ts';
import { keptTokens, nothingEncoded, pastFeeds, type SeenContext, seenFeeds } from './states.ts';

/** A sequence that is being written. */
export interface Sequence {
  readonly modality: string;
  /** One a condition: what it sees, and the row of its own keys and values. */
  readonly rows: readonly { readonly context: SeenContext; readonly row: number }[];
  readonly weights: readonly number[];
  /** Tokens whose keys and values are kept: a multiple of the piece. */
  readonly tokens: number;
  /** The last token, which is read first now. */
  readonly last: number;
  readonly sampling: WriteRequest['sampling'];
  /** Of the tokens to be written now; fewer than the piece has at the end alone. */
  readonly draws: readonly number[];
  readonly stops: readonly number[];
}

export interface WrittenPiece {
  /** Tokens of each sequence; a stop is the last of them. */
  readonly ids: readonly (readonly number[])[];
  readonly milliseconds: number;
}

/** What `write` is told besides of the sequences of a run. */
const writerFeeds = (
  manifest: FmManifest,
  modality: string,
  predictions: readonly Prediction[],
): Record<string, Tensor> => ({
  ...sequenceFeeds(manifest, modality),
  ...predictionFeeds(manifest, predictions, sequencesOf(manifest.config, manifest.modalities)),
});

/** What `generate` is told besides, which could do other things as well. */
const generatorFeeds = (
  manifest: FmManifest,
  modality: string,
  predictions: readonly Prediction[],
  rows: number,
): Record<string, Tensor> => ({
  ...nothingEncoded(manifest),
  ...targetFeeds(manifest, rows, new Map(), modality),
  ...predictionFeeds(manifest, predictions),
  context_index: int64([rows, 0], []),
  target_order: int64(
    [rows],
    Array.from({ length: rows }, (_, row) => row),
  ),
  target_hidden: bool([rows, 1, 1], new Uint8Array(rows)),
  kept_states: float32([0, manifest.config.dim], []),
});

/** What writes sequences. */
export interface Writing {
  readonly graph: GraphSession;
  /** The graph is `write`, and not `generate`. */
  readonly isWriter: boolean;
}

/** @param piece tokens that a run writes */
export async function runPiece(
  manifest: FmManifest,
  { graph, isWriter }: Writing,
  sequences: readonly Sequence[],
  piece: number,
): Promise<WrittenPiece> {
  const { modality } = itemAt(sequences, 0, 'sequences of a run');
  const rows = sequences.flatMap((sequence, s) =>
    sequence.rows.map((row, c) => ({
      ...row,
      s,
      weight: itemAt(sequence.weights, c, 'weights of conditions'),
      tokens: sequence.tokens,
      last: sequence.last,
    })),
  );
  const predictions = sequences.map(
    ({ sampling }, s): Prediction => ({
      modality,
      sampling,
      parts: rows.flatMap((row, index) => (row.s === s ? [{ index, weight: row.weight }] : [])),
    }),
  );
  const most = Math.max(1, ...sequences.map(({ stops }) => stops.length));
  const steps = Math.min(piece, Math.max(...sequences.map(({ draws }) => draws.length)));
  const draws = Array.from({ length: steps }, (_, step) =>
    sequences.map((sequence) => sequence.draws[step] ?? 0),
  ).flat();
  const seen = seenFeeds(
    manifest,
    rows.map(({ context }) => context),
  );
  const cached = rows.map(({ row, tokens }) => ({ id: row, tokens }));
  const past = pastFeeds(manifest, cached);
  const feeds: Record<string, Tensor> = {
    ...(isWriter
      ? writerFeeds(manifest, modality, predictions)
      : generatorFeeds(manifest, modality, predictions, rows.length)),
    ...past.feeds,
    ...seen.hidden,
    ids: int64(
      [rows.length, 1],
      rows.map(({ last }) => last),
    ),
    start: int64(
      [rows.length],
      rows.map(({ tokens }) => tokens),
    ),
    iterations: int64([], [steps]),
    draws: float32([steps, sequences.length], asDraws(draws)),
    group: int64(
      [rows.length],
      rows.map(({ s }) => s),
    ),
    stops: int64(
      [sequences.length, most],
      sequences.flatMap(({ stops }) => Array.from({ length: most }, (_, i) => stops[i] ?? -1)),
    ),
  };
  let milliseconds = 0;
  const outputs = await graph.run(feeds, ['generated'], {
    onTime: (time) => (milliseconds = time),
    rowFeeds: [seen.rowFeeds, past.rowFeeds],
    keepRows: [keptTokens(manifest, cached)],
  });
  const generated = numbersOf(outputs, 'generated');
  const ids = sequences.map(({ draws: own, stops }, s) => {
    const all = generated.filter((_, i) => i % sequences.length === s).slice(0, own.length);
    const end = all.findIndex((id) => stops.includes(id));
    return end < 0 ? all : all.slice(0, end + 1);
  });
  return { ids, milliseconds };
}
