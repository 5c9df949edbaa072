/** Request bodies, JSON and multipart form data -> the value to validate, and the files beside it. */
import { assertBounded, type Bounds } from '../../shared/api/bounds.ts';
import type { Form } from '../../shared/api/form.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { Body } from './body.ts';
import { createFiles, type Files } from './files.ts';
import { readForm } from './form.ts';
import { readJson, type ScannedJson } from './json.ts';
import { readParts } from './multipart.ts';
import { placeFiles } from './placeFiles.ts';

export interface ReadRequest {
  /** For the schema to judge; a name stands for each file. */
  readonly value: unknown;
  readonly files: Files;
}

const unsupported = (detail: string) => refusal('unsupported_media_type', detail);

/** The media type of the body, by the headers alone. @throws FailureError `unsupported_media_type` */
function mediaType({ headers }: Request, { form, isForm }: BodyRules): string {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    throw unsupported(
      `the body is compressed with ${shorten(encoding)}; it has to be sent as it is, without Content-Encoding`,
    );
  }
  const type = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const taken = [...(isForm ? [] : ['application/json']), ...(form ? ['multipart/form-data'] : [])];
  if (type === '' || taken.includes(type)) return type;
  throw unsupported(`the content type must be ${taken.join(' or ')}, not ${shorten(type)}`);
}

async function readJsonRequest(
  bytes: Uint8Array<ArrayBuffer>,
  what: string,
  files: Files,
  bounds: Bounds | undefined,
): Promise<unknown> {
  const scanned = await readJson(bytes, what);
  assertBounded(scanned.value, bounds);
  return await placeFiles(scanned, files);
}

/** What a route says of its body. */
export interface BodyRules {
  /** Only JSON is taken where there is none. */
  readonly form?: Form | undefined;
  /** Whether nothing but the form is taken. */
  readonly isForm?: boolean | undefined;
  /** Those of a request for one thing when left out. */
  readonly bounds?: Bounds | undefined;
}

/**
 * The body of a request as JSON, its long texts beside it.
 * @throws FailureError too_large, too_slow, overloaded, empty_request, unsupported_media_type, invalid_json,
 *   invalid_request beyond the bounds
 */
export async function readScanned(
  request: Request,
  body: Body,
  bounds?: Bounds,
): Promise<ScannedJson> {
  const type = mediaType(request, {});
  const bytes = await body.bytes(request);
  if (bytes.length === 0) throw refusal('empty_request', 'the request has no body');
  if (type === '') throw unsupported('the content type is missing');
  const scanned = await readJson(bytes, 'the body');
  assertBounded(scanned.value, bounds);
  return scanned;
}

/**
 * The body of a request as a value that the schema can judge.
 * @throws FailureError too_large, too_slow, overloaded, empty_request, unsupported_media_type,
 *   invalid_json, invalid_multipart, and what `placeFiles` and `readForm` refuse
 */
export async function readRequest(
  request: Request,
  body: Body,
  rules: BodyRules = {},
): Promise<ReadRequest> {
  const { form, bounds } = rules;
  const type = mediaType(request, rules);
  const bytes = await body.bytes(request);
  if (bytes.length === 0) throw refusal('empty_request', 'the request has no body');
  if (type === '') throw unsupported('the content type is missing');
  const files = createFiles();
  if (type === 'application/json' || !form) {
    return { value: await readJsonRequest(bytes, 'the body', files, bounds), files };
  }
  const parts = await readParts(bytes, request.headers.get('content-type') ?? '');
  const value = await readForm(parts, form, files, (field) =>
    readJsonRequest(field, 'the field request', files, bounds),
  );
  assertBounded(value, bounds);
  return { value, files };
}
