/** A strict reader of structured fields (RFC 9651, section 4.2), which knows nothing of what ours mean. */
export type Bare = string | number | boolean | { readonly token: string };

export interface StructuredItem {
  readonly value: Bare;
  readonly parameters: ReadonlyMap<string, Bare>;
}

const INTEGER = /^-?\d{1,15}(?![\d.])/;
const DECIMAL = /^-?\d{1,12}\.\d{1,3}(?!\d)/;
const STRING = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/;
const TOKEN = /^[A-Za-z*][\w!#$%&'*+.^`|~:/-]*/;
const KEY = /^[a-z*][a-z0-9_.*-]*/;
const BOOLEAN = /^\?[01]/;

/** @throws Error for what is no list of items */
export function parseList(text: string): StructuredItem[] {
  let rest = text;
  const taken = (form: RegExp): string | undefined => {
    const [found] = form.exec(rest) ?? [];
    if (found !== undefined) rest = rest.slice(found.length);
    return found;
  };
  const fail = (what: string): never => {
    throw new Error(`${text}: ${what} at ${JSON.stringify(rest)}`);
  };
  function bare(): Bare {
    const number = taken(DECIMAL) ?? taken(INTEGER);
    if (number !== undefined) return Number(number);
    const quoted = taken(STRING);
    if (quoted !== undefined) return quoted.slice(1, -1).replaceAll(/\\(["\\])/g, '$1');
    const truth = taken(BOOLEAN);
    if (truth !== undefined) return truth === '?1';
    const token = taken(TOKEN);
    return token === undefined ? fail('no item') : { token };
  }
  function item(): StructuredItem {
    const value = bare();
    const parameters = new Map<string, Bare>();
    while (taken(/^; */) !== undefined) {
      const key = taken(KEY) ?? fail('no key');
      parameters.set(key, taken(/^=/) === undefined ? true : bare());
    }
    return { value, parameters };
  }
  if (text === '') return [];
  const items = [item()];
  while (rest !== '') {
    if (taken(/^[ \t]*,[ \t]*/) === undefined) fail('no comma');
    items.push(item());
  }
  return items;
}
