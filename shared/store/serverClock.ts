/**
 * The clock of a server, by the `Date` of its answers (RFC 9110, section 6.6.1). Machines whose clocks differ agree on
 * times by the clock of the server that they share.
 */

export interface ServerClock {
  /**
   * @param date the header, where there was one
   * @param sent when the request was sent, in unix milliseconds by this machine's clock
   */
  readonly heard: (date: string | undefined, sent: number) => void;
  /** Unix milliseconds by the server's clock; by this machine's where they do not differ measurably. */
  readonly now: () => number;
}

/** `Date` is in whole seconds: half of one is added on average. */
const HALF_A_SECOND = 500;
/** A difference that delays and whole seconds cannot explain. */
const MEASURABLE_MILLISECONDS = 3000;

/** @param own unix milliseconds by this machine's clock */
export function createServerClock(own: () => number = Date.now): ServerClock {
  let ahead = 0;
  return {
    heard(date, sent) {
      const at = Date.parse(date ?? '');
      if (Number.isNaN(at)) return;
      const difference = at + HALF_A_SECOND - (sent + own()) / 2;
      // The difference is kept while it stays about the same, so that time does not jump with each answer.
      if (Math.abs(difference - ahead) < MEASURABLE_MILLISECONDS) return;
      ahead = Math.abs(difference) < MEASURABLE_MILLISECONDS ? 0 : Math.round(difference);
    },
    now: () => own() + ahead,
  };
}
