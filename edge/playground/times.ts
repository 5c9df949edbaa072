/** Times as people read them. */
import { element } from './dom.ts';

export const timeOf = (time: Date): HTMLElement =>
  element('time', { datetime: time.toISOString() }, time.toLocaleString());

/** Seconds, of less than one in milliseconds. */
export const durationText = (seconds: number): string =>
  seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
