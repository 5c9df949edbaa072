/** Watches a process that lives but no longer works: one that was ready and is not, or that is silent. */

/** A worker is unready for good when a model's thread has died. */
const UNREADY_MS = 20_000;
/** Silence may be a long stall of a loaded machine; this long it is not. */
const SILENT_MS = 120_000;
const EVERY_MS = 3000;

export interface HealthWatch {
  /** A new process begins: it has time to become ready. */
  readonly reset: () => void;
  readonly stop: () => void;
}

/** @param onSick told why, once for each process */
export function watchHealth(address: string, onSick: (reason: string) => void): HealthWatch {
  let wasReady = false;
  let wellAt = 0;
  const reset = (): void => {
    wasReady = false;
  };
  const check = async (): Promise<void> => {
    const status = await fetch(address, { signal: AbortSignal.timeout(EVERY_MS) }).then(
      (response) => response.status,
      () => 0,
    );
    const now = performance.now();
    if (status === 200) {
      wasReady = true;
      wellAt = now;
    }
    const bound = status === 0 ? SILENT_MS : UNREADY_MS;
    if (!wasReady || now - wellAt < bound) return;
    reset();
    onSick(status === 0 ? 'has not answered for long' : 'cannot work any more');
  };
  const timer = setInterval(() => void check(), EVERY_MS);
  return { reset, stop: () => clearInterval(timer) };
}
