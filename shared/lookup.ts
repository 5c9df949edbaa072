/** Lookups that throw by name, where a `!` would let a missing value pass as one that is there. */

/**
 * The value, which is known to be there.
 * @param what names the value in the error
 * @throws Error when it is null or undefined
 */
export function present<T>(value: T, what: string): NonNullable<T> {
  if (value === undefined || value === null) throw new Error(`${what} is missing`);
  return value;
}

/** The item at an index of an array. @throws Error when the array is shorter */
export function itemAt<T>(items: ArrayLike<T>, index: number, what: string): T {
  const item = items[index];
  if (item === undefined) {
    throw new Error(`${what} has ${items.length} items, so none at index ${index}`);
  }
  return item;
}

/** The value of a key in a map. @throws Error when the map lacks the key */
export function valueAt<K, V>(map: ReadonlyMap<K, V>, key: K, what: string): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`${what} has no ${String(key)}`);
  return value;
}

/** The value of a record's own key. @throws Error when the record lacks the key */
export function fieldOf<V>(record: Readonly<Record<string, V>>, key: string, what: string): V {
  const value = Object.hasOwn(record, key) ? record[key] : undefined;
  if (value === undefined) throw new Error(`${what} has no ${key}`);
  return value;
}
