/** What is said of a run. */
import type { GenerateResponse } from '../../shared/api/generate.ts';
import { titleOf } from './labels.ts';
import { durationText } from './times.ts';

const cacheWord = (headers: Headers | undefined): string => {
  const status = headers?.get('cache-status') ?? '';
  return /;\s*hit\b/.test(status) ? 'from the cache' : status === '' ? '' : 'computed now';
};

const via = ({ via: ways = {} }: GenerateResponse): string[] =>
  Object.entries(ways).map(
    ([target, names]) => `${titleOf(target)} by way of ${names.map(titleOf).join(', ')}`,
  );

const cost = ({ usage }: GenerateResponse): string[] => {
  const { encoder_passes, decoder_passes, generated_tokens, units } = usage;
  return [
    `${encoder_passes} encoder and ${decoder_passes} decoder passes, ${generated_tokens} tokens`,
    units === undefined ? '' : `${units.toLocaleString('en')} units`,
  ];
};

const joined = (parts: readonly string[]): string =>
  parts.filter((part) => part !== '').join(' · ');

/** @param seconds from the request to its answer */
export function summary(
  response: GenerateResponse,
  seconds: number,
  headers: Headers | undefined,
): string {
  return joined([`Done in ${durationText(seconds)}`, cacheWord(headers), resultSummary(response)]);
}

/** What is said of a result, however it was asked for. */
export const resultSummary = (response: GenerateResponse): string =>
  joined([...via(response), `seed ${response.seed}`, ...cost(response)]);

/** Of an answer that was there before. */
export const storedSummary = (title: string, response: GenerateResponse): string =>
  joined([title, ...via(response), `seed ${response.seed}`]);

/** Enough names to know what is under way. */
export function namesOf(targets: readonly string[]): string {
  const titles = targets.map((name) => titleOf(name).toLowerCase());
  return titles.length > 4
    ? `${titles.slice(0, 3).join(', ')} and ${titles.length - 3} more`
    : titles.join(', ');
}
