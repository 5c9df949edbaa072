/** A signal that aborts with another one: `AbortSignal.any` of Node costs as much as a result takes to be looked up. */

/** Aborts with the other signal, for its reason. @returns ends that */
export function follow(controller: AbortController, signal: AbortSignal): () => void {
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}
