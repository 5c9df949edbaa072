/** What an answer says of where its result comes from. */
import type { ToldComputed } from '../api/outputs.ts';
import { isoTime } from '../isoTime.ts';
import type { Computed } from './results.ts';

/** When a result was computed and for which request, as an answer says it. */
export const toldComputed = ({ at, requestId }: Computed): NonNullable<ToldComputed> => ({
  at: isoTime(at),
  ...(requestId !== undefined && { request_id: requestId }),
});
