/**
 * Writes sequences in pieces that are bounded by time, so that a caller who has gone stops them. A run of
 * the graph cannot be interrupted; the keys and values so far are handed from piece to piece.
 */
import { itemAt, present } from '../../../shared/lookup.ts';
import type { DecoderCache, WriteRequest, Written } from '../../engine/forward.ts';
import { runWritings, type WriteRun } from './write.ts';

/** Time of a piece, as far as earlier ones tell. */
const PIECE_MILLISECONDS = 170;
/** Tokens of the first piece, before anything is known of the time they take. */
const FIRST_TOKENS = 4;

/** How long tokens take, learned from the pieces of all sequences of a model. */
export interface Pace {
  /** Tokens of a piece of so many decoder rows. */
  readonly tokens: (rows: number) => number;
  readonly learn: (rows: number, tokens: number, milliseconds: number) => void;
}

/** Row counts whose times resemble each other share a pace: 1, 2, 3 to 4, 5 to 8, ... */
const sizeClass = (rows: number): number => Math.ceil(Math.log2(Math.max(rows, 1)));

export function createPace(): Pace {
  const times = new Map<number, number>();
  return {
    tokens(rows) {
      const time = times.get(sizeClass(rows));
      if (time === undefined) return FIRST_TOKENS;
      return Math.max(1, Math.floor(PIECE_MILLISECONDS / time));
    },
    learn(rows, tokens, milliseconds) {
      const size = sizeClass(rows);
      const time = milliseconds / Math.max(tokens, 1);
      const known = times.get(size);
      // The mean of what was known and what is new: one slow moment does not decide.
      times.set(size, known === undefined ? time : (known + time) / 2);
    },
  };
}

interface Writing {
  readonly request: WriteRequest;
  readonly written: number[];
  cache: DecoderCache | undefined;
}

/** What is left to be written of a sequence, as a request of its own. */
function rest({ request, written, cache }: Writing, tokens: number): WriteRequest {
  const left = request.draws.slice(written.length);
  const { cache: given, isLast, ...same } = request;
  const known = cache ?? given;
  return {
    ...same,
    ids: [...request.ids, ...written],
    draws: left.slice(0, tokens),
    ...(known && { cache: known }),
    ...(isLast && left.length <= tokens && { isLast }),
  };
}

/**
 * As `runWritings`, in as many runs as the pace asks for; sequences that have ended take no part in the
 * next ones.
 * @param requests of one `writeGroup`
 * @throws the signal's reason, between two pieces
 */
export async function writeInPieces(
  run: WriteRun,
  requests: readonly WriteRequest[],
  pace: Pace,
): Promise<Written[]> {
  const writings = requests.map((request): Writing => ({ request, written: [], cache: undefined }));
  let live = writings;
  while (live.length > 0) {
    run.signal?.throwIfAborted();
    const rows = live.reduce((sum, { request }) => sum + request.conditions.length, 0);
    const tokens = pace.tokens(rows);
    const pieces = live.map((writing) => rest(writing, tokens));
    let time = 0;
    const answers = await runWritings({ ...run, onTime: (elapsed) => (time = elapsed) }, pieces);
    pace.learn(rows, Math.max(...answers.map(({ ids }) => ids.length)), time);
    for (const [i, writing] of live.entries()) {
      const { ids, cache } = itemAt(answers, i, 'the answers of a piece');
      writing.written.push(...ids);
      writing.cache = cache;
    }
    live = live.filter(
      ({ request, written }) =>
        written.length < request.draws.length && !request.stops.includes(written.at(-1) ?? -1),
    );
  }
  return writings.map(({ written, cache }) => ({
    kind: 'write',
    ids: written,
    cache: present(cache, 'the cache of what was written'),
  }));
}
