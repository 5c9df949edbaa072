/** The same work asked for twice at once is done once, within this process or isolate. */
export interface Coalescer<T> {
  /** `work` runs unless work for `key` is under way; its outcome, or its error, goes to all callers. */
  run(
    key: string,
    work: () => Promise<T>,
  ): { readonly result: Promise<T>; readonly joined: boolean };
}

export function createCoalescer<T>(): Coalescer<T> {
  const running = new Map<string, Promise<T>>();
  return {
    run(key, work) {
      const underWay = running.get(key);
      if (underWay) return { result: underWay, joined: true };
      const result = work().finally(() => running.delete(key));
      running.set(key, result);
      return { result, joined: false };
    },
  };
}
