/**
 * The pieces of a batch, from lines to the parts of its two files. Lines run beyond the borders of pieces, so that the
 * last ones of a piece do not leave the others idle; answers are taken up in the order of the lines. A piece counts
 * when its record is written, which names its parts: before that, it is done again after a kill.
 */
import { setMaxListeners } from 'node:events';
import type { BatchDocument } from '../../shared/batches/batch.ts';
import type { BatchStore } from '../../shared/batches/batchStore.ts';
import type { Ask } from './ask.ts';
import { inOrder } from './inOrder.ts';
import { answerLine, errorLine, type LineError, linesOf, readLine } from './lines.ts';

/** What ends a batch before its last line was tried: the code of the lines that were not. */
export interface Ending {
  readonly code: 'batch_cancelled' | 'batch_expired' | 'batch_failed';
  readonly message: string;
}

export interface PiecesGiven {
  readonly batch: BatchDocument;
  readonly batches: BatchStore;
  readonly answers: Ask;
  /** Lines that are under way or wait for an earlier one. */
  readonly window: number;
  /** Pieces that have records. */
  readonly done: ReadonlySet<number>;
  /** Aborts with an `Ending`: lines under way stop, and no more are tried. */
  readonly ending: AbortSignal;
  /** Aborts when another has the batch, or this worker stops: nothing more is written. */
  readonly signal: AbortSignal;
  /** Told of each line that is done. */
  readonly onLine: (file: 'completed' | 'failed') => void;
}

/** The store no longer has what the batch was asked. */
export class LostInputError extends Error {
  override readonly name = 'LostInputError';
}

/** Bytes of a part at most, unless one line has more. */
const PART_BYTES = 2_000_000;

type Item =
  | { readonly piece: number; readonly number: number; readonly bytes: Uint8Array }
  | { readonly piece: number; readonly isEnd: true };

interface Written {
  readonly file: 'output' | 'errors';
  readonly bytes: readonly Uint8Array[];
  readonly isUntried: boolean;
}
type Done = { readonly piece: number } & ({ readonly line: Written } | { readonly isEnd: true });

async function* itemsOf({ batch, batches, done }: PiecesGiven): AsyncGenerator<Item> {
  for (const [piece, first] of batch.pieces.entries()) {
    if (done.has(piece)) continue;
    const bytes = await batches.piece(batch, piece);
    if (!bytes) throw new LostInputError(`the store has lost piece ${piece} of the input`);
    for (const line of linesOf(bytes, first)) yield { piece, ...line };
    yield { piece, isEnd: true };
  }
}

/** Parts of one file of a piece, which go to the store as they fill up. */
function partsOf(put: (body: Uint8Array<ArrayBuffer>) => Promise<string>) {
  const parts: string[] = [];
  let [waiting, length] = [[] as Uint8Array[], 0];
  async function flush(): Promise<void> {
    if (length === 0) return;
    const body = new Uint8Array(length);
    let at = 0;
    for (const bytes of waiting) {
      body.set(bytes, at);
      at += bytes.length;
    }
    [waiting, length] = [[], 0];
    parts.push(await put(body));
  }
  return {
    async add(bytes: readonly Uint8Array[]): Promise<void> {
      const more = bytes.reduce((sum, one) => sum + one.length, 0);
      if (length > 0 && length + more > PART_BYTES) await flush();
      waiting.push(...bytes);
      length += more;
    },
    async end(): Promise<string[]> {
      await flush();
      return parts;
    },
  };
}

/**
 * Does every piece that has no record.
 * @throws the signal's reason; `LostInputError`; what the store throws
 */
export async function runPieces(given: PiecesGiven): Promise<void> {
  const { batch, batches, answers, window, ending, signal, onLine } = given;
  const stops = AbortSignal.any([ending, signal]);
  // Each line listens to it as long as it is under way.
  setMaxListeners(0, stops);

  /** One that was not tried, as the batch ends. */
  const untried = (id: string, number: number, customId: string | null): Written => {
    const { code, message } = ending.reason as Ending;
    const error: LineError = { customId, code, message };
    return { file: 'errors', bytes: errorLine(id, number, error), isUntried: true };
  };

  async function lineOf(number: number, bytes: Uint8Array): Promise<Written> {
    const id = `${batch.id}-${number}`;
    const read = await readLine({ number, bytes }, batch);
    signal.throwIfAborted();
    if (!read.ok)
      return { file: 'errors', bytes: errorLine(id, number, read.error), isUntried: false };
    const { request } = read;
    if (ending.aborted) return untried(id, number, request.customId);
    try {
      const { tenant, key = '' } = batch;
      const name = { batch: batch.id, number, key };
      const answer = await answers(request, { tenant, name, requestId: id, signal: stops });
      const file = answer.status >= 200 && answer.status < 300 ? 'output' : 'errors';
      return { file, bytes: answerLine(id, request.customId, answer), isUntried: false };
    } catch (error) {
      if (signal.aborted || !ending.aborted) throw error;
      return untried(id, number, request.customId);
    }
  }

  async function work(item: Item): Promise<Done> {
    const { piece } = item;
    if ('isEnd' in item) return { piece, isEnd: true };
    const line = await lineOf(item.number, item.bytes);
    onLine(line.file === 'output' ? 'completed' : 'failed');
    return { piece, line };
  }

  const begin = (piece: number) => {
    const put = (body: Uint8Array<ArrayBuffer>) => batches.putPart(batch, piece, body);
    return { output: partsOf(put), errors: partsOf(put), completed: 0, failed: 0, untried: 0 };
  };
  let open: ReturnType<typeof begin> | undefined;
  for await (const result of inOrder(itemsOf(given), window, work)) {
    signal.throwIfAborted();
    open ??= begin(result.piece);
    if ('isEnd' in result) {
      const { completed, failed, untried } = open;
      const [output, errors] = [await open.output.end(), await open.errors.end()];
      const record = { completed, failed, untried, output, errors };
      await batches.putRecord(batch, result.piece, record);
      open = undefined;
      continue;
    }
    const { file, bytes, isUntried } = result.line;
    await open[file].add(bytes);
    if (file === 'output') open.completed++;
    else open.failed++;
    if (isUntried) open.untried++;
  }
}
