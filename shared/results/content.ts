/** What content is called: canonical JSON and its hash. */

export { sha256 } from '../sha256.ts';

/**
 * JSON with sorted keys and without absent fields, so that equal values have equal text.
 * @throws Error for what JSON cannot say: functions, symbols, bigints, NaN and the infinities
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') {
    return JSON.stringify(value);
  }
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(',')}}`;
  }
  throw new Error(`canonical JSON has no form for ${typeof value} ${String(value)}`);
}
