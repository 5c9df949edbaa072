/** JSON objects of files that are not trusted. */
import { printable, SafetensorsError } from './errors.ts';

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A JSON object in which no key occurs twice.
 * @param what the part of the file it is, for messages
 * @throws SafetensorsError
 */
export function parseObject(file: string, what: string, json: Uint8Array): Record<string, unknown> {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new SafetensorsError(file, `${what} is not JSON`, undefined, { cause });
  }
  if (!isRecord(parsed)) throw new SafetensorsError(file, `${what} is not a JSON object`);
  const repeated = repeatedKey(text);
  if (repeated !== undefined)
    throw new SafetensorsError(file, `${what} has the key ${printable(repeated)} twice`);
  return parsed;
}

/**
 * The first key that occurs twice in one object of a JSON text. `JSON.parse` keeps the last value and says
 * nothing, while other readers keep the first, so that one file would be two different checkpoints.
 * @param json a text that `JSON.parse` has accepted
 */
export function repeatedKey(json: string): string | undefined {
  // One entry an open bracket: the keys so far, or undefined inside a list.
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(json, i);
      const keys = open.at(-1);
      if (keys && followedByColon(json, end)) {
        const key = String(JSON.parse(json.slice(i, end)));
        if (keys.has(key)) return key;
        keys.add(key);
      }
      i = end - 1;
    }
  }
  return undefined;
}

/** Position behind the closing quote. */
function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
  return i + 1;
}

function followedByColon(json: string, position: number): boolean {
  let i = position;
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\t' || json[i] === '\r') i++;
  return json[i] === ':';
}
