/**
 * What tells signed requests apart, as far as a process has seen them: each is taken once. It remembers them as long as
 * their signatures hold, so that what was overheard cannot be sent again. Another process has not seen them; of the work
 * that it would do twice, everything is kept under names of its own content.
 */

export interface Nonces {
  /**
   * False for one that was taken before.
   * @param until when its signature is too old, in unix seconds
   * @param now in unix seconds
   */
  take(nonce: string, until: number, now: number): boolean;
}

/** Beyond, the oldest are forgotten: only who can sign can make them so many. */
const MOST_REMEMBERED = 100_000;

export function createNonces(most = MOST_REMEMBERED): Nonces {
  /** Nonce -> until when. */
  const taken = new Map<string, number>();
  return {
    take(nonce, until, now) {
      if (taken.has(nonce)) return false;
      taken.set(nonce, until);
      // The oldest come first; two are looked at for each that is added, so that all leave in time.
      let looked = 0;
      for (const [old, end] of taken) {
        if (taken.size <= most && (end >= now || ++looked > 2)) break;
        taken.delete(old);
      }
      return true;
    },
  };
}
