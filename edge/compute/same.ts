/**
 * What is made of an object again and again with the same additions is made once, and so is one object: what is kept of
 * it, such as its bytes, is found again. It is forgotten with what it was made of.
 */

/** @param added says what is added: nothing else may the made one depend on */
export type Same = <T extends object>(object: T, added: unknown, make: () => T) => T;

export function createSame(): Same {
  const last = new WeakMap<object, { readonly said: string; readonly made: object }>();
  return <T extends object>(object: T, added: unknown, make: () => T): T => {
    const said = JSON.stringify(added) ?? '';
    const known = last.get(object);
    if (known?.said === said) return known.made as T;
    const made = make();
    last.set(object, { said, made });
    return made;
  };
}
