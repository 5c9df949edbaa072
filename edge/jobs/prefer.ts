/** How long a caller wants to wait: `Prefer` (RFC 7240, sections 4.1 and 4.3). */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { elementsOf } from '../listHeader.ts';

export interface Preference {
  /** Seconds after which the work becomes a job; 0 for a job at once. */
  readonly waitSeconds: number;
  /** The preference as `Preference-Applied` tells it. */
  readonly applied: string;
}

export const MOST_WAIT_SECONDS = 60;

/** Names in lower case -> values, of which the first counts; what is no preference is left out. */
function preferencesOf(header: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const { name, value } of elementsOf(header)) if (!found.has(name)) found.set(name, value);
  return found;
}

/**
 * Undefined where nothing of it is about waiting: preferences that are not known, or malformed, are ignored.
 * @throws FailureError `invalid_request` for a number of seconds that cannot be waited
 */
export function readPrefer(header: string | undefined): Preference | undefined {
  const preferences = preferencesOf(header ?? '');
  const wait = preferences.get('wait');
  if (wait !== undefined && /^\d+$/.test(wait)) {
    const waitSeconds = Number(wait);
    if (waitSeconds >= 1 && waitSeconds <= MOST_WAIT_SECONDS)
      return { waitSeconds, applied: `wait=${waitSeconds}` };
    const detail = `wait of Prefer must be a whole number of seconds from 1 to ${MOST_WAIT_SECONDS}`;
    throw refusal('invalid_request', detail, pointerTo('prefer', 'wait'));
  }
  return preferences.has('respond-async')
    ? { waitSeconds: 0, applied: 'respond-async' }
    : undefined;
}
