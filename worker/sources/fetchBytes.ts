/** The bytes of an address that a user named. */
import { refusal } from '../../shared/api/problem.ts';
import { type GuardReason, mayPass, type Refused, refused } from '../../shared/guard/refused.ts';
import type { Bytes } from '../../shared/store/blobs.ts';
import type { GuardedFetch } from '../guard/guardedFetch.ts';

/** Redirects that are followed; each is checked as the first address. */
const REDIRECTS = 3;

/** What servers call files that an input can be. Pages, scripts and SVG are none. */
const TYPES: readonly string[] = [
  'image/png',
  'image/jpeg',
  'image/jpg',
  'image/webp',
  'application/octet-stream',
  'binary/octet-stream',
  'application/x-npy',
  'application/npy',
  'application/x-safetensors',
];

/** Judged before a byte of the body is read. */
function check({
  status,
  headers,
}: {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}): Refused | undefined {
  if (status !== 200) return refused('status', `its server answers ${status}`);
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === '' || TYPES.includes(type)) return undefined;
  return refused(
    'content',
    `its server answers ${type.slice(0, 80)}, which is no picture or array`,
  );
}

const CODES: Partial<Record<GuardReason, 'too_large' | 'unsupported_media_type'>> = {
  too_large: 'too_large',
  content: 'unsupported_media_type',
  encoding: 'unsupported_media_type',
};

/**
 * @throws FailureError `url_refused` for an address that may not be fetched, `url_failed` for one that cannot be,
 *   `too_large`, `unsupported_media_type`; the signal's reason
 */
export async function fetchBytes(
  fetch: GuardedFetch,
  url: string,
  mostBytes: number,
  signal: AbortSignal,
): Promise<Bytes> {
  const headers = { accept: 'image/png, image/jpeg, image/webp, application/octet-stream' };
  const answer = await fetch(url, { headers, signal, mostBytes, redirects: REDIRECTS, check });
  if (answer.ok) return answer.body;
  const { reason, detail } = answer;
  const failed = mayPass(answer) || reason === 'status';
  const code = CODES[reason] ?? (failed ? 'url_failed' : 'url_refused');
  throw refusal(code, `the address cannot be fetched: ${detail}`);
}
