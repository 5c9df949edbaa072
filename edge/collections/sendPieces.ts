/** Pieces of a file -> a worker, one behind the other, and again where it was gone: a piece can be sent twice. */
import {
  type ImportResponse,
  importResponseSchema,
  MOST_LINE_ERRORS,
} from '../../shared/api/import.ts';
import { FailureError, PROBLEMS } from '../../shared/api/problem.ts';
import { createFiles } from '../body/files.ts';
import type { Piece } from '../import/pieces.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { askCollections } from './ask.ts';

/** Waits before a piece is sent again: a worker that was killed is back in a few seconds. */
const WAITS = [500, 1000, 2000, 4000, 8000] as const;

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @throws FailureError as the operation, when it does not get better */
async function sendPiece(
  c: EdgeContext,
  services: Services,
  name: string,
  { data, ...piece }: Piece,
): Promise<ImportResponse> {
  for (let attempt = 0; ; attempt++) {
    try {
      const files = createFiles();
      const operation = { do: 'import', name, ...piece, data: files.add(data) } as const;
      return await askCollections(c, services, operation, importResponseSchema, { files });
    } catch (error) {
      const wait = WAITS[attempt];
      const isTemporary = error instanceof FailureError && PROBLEMS[error.failure.code].retryable;
      if (!isTemporary || wait === undefined || c.req.raw.signal.aborted) throw error;
      await sleep(wait);
    }
  }
}

/** What became of all pieces. @throws FailureError that says how far it came */
export async function sendPieces(
  c: EdgeContext,
  services: Services,
  name: string,
  pieces: AsyncIterable<Piece>,
): Promise<ImportResponse> {
  const total = { items: 0, failed: 0, errors: [] as ImportResponse['errors'] };
  let line = 1;
  try {
    for await (const piece of pieces) {
      ({ line } = piece);
      const { items, failed, errors } = await sendPiece(c, services, name, piece);
      total.items += items;
      total.failed += failed;
      total.errors.push(...errors.slice(0, MOST_LINE_ERRORS - total.errors.length));
    }
    return total;
  } catch (error) {
    if (!(error instanceof FailureError) || total.items === 0) throw error;
    const { detail, ...failure } = error.failure;
    const kept = `${total.items} items of the lines before line ${line} are kept; the file can be sent again`;
    throw new FailureError({ ...failure, detail: `${detail}; ${kept}` }, { cause: error });
  }
}
