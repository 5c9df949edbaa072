/** What the browser keeps: of a tab, and of all. */

export type Kept = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** One that refuses to keep anything throws as soon as it is asked for: then it is kept as long as the page lives. */
function storageOf(name: 'sessionStorage' | 'localStorage'): Kept {
  try {
    return window[name];
  } catch {
    const kept = new Map<string, string>();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    };
  }
}

export const tabStorage = storageOf('sessionStorage');
export const browserStorage = storageOf('localStorage');
