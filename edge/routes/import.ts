/** `POST /v1/collections/{name}/import`: a file of items, which is read as it comes. */
import { collectionSchema } from '../../shared/api/collections.ts';
import { IMPORT_TYPES, type ImportType } from '../../shared/api/import.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { askCollections, nameOf } from '../collections/ask.ts';
import { sendPieces } from '../collections/sendPieces.ts';
import { byteSource } from '../import/bytes.ts';
import { readIds } from '../import/multipart.ts';
import { linePieces, npyPieces, type Piece } from '../import/pieces.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

/** Characters of the prefix of ids at most. */
const PREFIX_LENGTH = 200;

/** @throws FailureError `unsupported_media_type` */
function typeOf(c: EdgeContext): ImportType {
  const encoding = c.req.header('content-encoding') ?? 'identity';
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (encoding.toLowerCase() === 'identity' && Object.hasOwn(IMPORT_TYPES, type))
    return type as ImportType;
  const taken = Object.keys(IMPORT_TYPES).join(', ');
  const detail = `the content type must be one of ${taken}, without Content-Encoding, not ${shorten(type || 'none')}`;
  throw refusal('unsupported_media_type', detail);
}

function prefixOf(c: EdgeContext): string {
  const prefix = c.req.query('prefix') ?? '';
  if (prefix.length <= PREFIX_LENGTH) return prefix;
  const detail = `prefix must have at most ${PREFIX_LENGTH} characters`;
  throw refusal('invalid_request', detail, pointerTo('prefix'));
}

async function* piecesOf(c: EdgeContext, type: ImportType): AsyncGenerator<Piece> {
  const body = c.get('body');
  if (type === 'application/vnd.apache.parquet') {
    yield { format: 'parquet', data: await body.bytes(c.req.raw), line: 1 };
    return;
  }
  const source = byteSource(body.stream(c.req.raw));
  if (type === 'application/x-ndjson') {
    yield* linePieces(source);
    return;
  }
  if (type === 'application/x-npy') {
    const prefix = prefixOf(c);
    yield* npyPieces(source, (from, to) =>
      Array.from({ length: to - from }, (_, i) => `${prefix}${from + i}`),
    );
    return;
  }
  const ids = await readIds(source, c.req.header('content-type') ?? '');
  yield* npyPieces(source, (from, to, rows) => {
    if (rows === ids.length) return ids.slice(from, to);
    throw refusal('invalid_request', `the files have ${ids.length} ids and ${rows} vectors`);
  });
}

export function createImportRoute(services: Services) {
  return async (c: EdgeContext): Promise<Response> => {
    const name = nameOf(c);
    const type = typeOf(c);
    if (!c.req.raw.body) throw refusal('empty_request', 'the request has no body');
    // Nothing is read for a collection that is not there.
    await askCollections(c, services, { do: 'get', name }, collectionSchema);
    return c.json(await sendPieces(c, services, name, piecesOf(c, type)));
  };
}
