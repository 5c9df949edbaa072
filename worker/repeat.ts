/** Work that is done again and again by a timer, one at a time. */

export interface Repeated {
  /** Begins nothing more; resolves when what is under way has ended. */
  readonly stop: () => Promise<void>;
}

/**
 * @param milliseconds between two beginnings; a turn is left out whose predecessor has not ended
 * @param trouble is told of what the work throws
 */
export function repeat(
  milliseconds: number,
  work: () => Promise<void>,
  trouble: (error: unknown) => void,
): Repeated {
  let underWay: Promise<void> | undefined;
  const timer = setInterval(() => {
    underWay ??= work()
      .catch(trouble)
      .finally(() => {
        underWay = undefined;
      });
  }, milliseconds);
  return {
    async stop() {
      clearInterval(timer);
      await underWay;
    },
  };
}
