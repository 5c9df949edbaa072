/**
 * Does work for each of many items, for some of them at the same time. After an error no further one is begun.
 * @param most items that are worked on at once
 * @returns what the work answers, in the order of the items
 * @throws what the work throws first
 */
export async function eachAtOnce<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  let hasFailed = false;
  async function workOn(): Promise<void> {
    for (const [at, item] of left) {
      if (hasFailed) return;
      try {
        results[at] = await work(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, workOn));
  return results;
}
