/** Large JSON, written part by part, so that no answer holds the event loop and none is copied as a whole. */
import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Levels that are taken apart: a result, its outputs, those of a target, and one of them as a part. */
const DEPTH = 3;
/** Characters that are written at once. */
const CHUNK = 64 * 1024;
/** Time after which others get their turn. */
const TURN_MILLISECONDS = 10;

/** The text of `JSON.stringify(value)` in parts. @param value plain data, without `toJSON` */
export function* jsonParts(value: unknown, depth = DEPTH): Generator<string> {
  if (typeof value !== 'object' || value === null || depth === 0) {
    yield JSON.stringify(value) ?? 'null';
    return;
  }
  const isList = Array.isArray(value);
  let separator = isList ? '[' : '{';
  for (const [key, part] of Object.entries(value)) {
    if (!isList && part === undefined) continue;
    yield isList ? separator : `${separator}${JSON.stringify(key)}:`;
    yield* jsonParts(part, depth - 1);
    separator = ',';
  }
  if (isList) yield separator === '[' ? '[]' : ']';
  else yield separator === '{' ? '{}' : '}';
}

/** Resolves when the connection takes more, or has ended. */
const flushed = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });

/**
 * Writes a value, with a pause whenever the connection takes no more.
 * @param around what stands before and after it
 */
export async function writeJson(
  response: ServerResponse,
  value: unknown,
  around: readonly [string, string] = ['', ''],
): Promise<void> {
  let [text, turn] = [around[0], performance.now()];
  for (const part of jsonParts(value)) {
    text += part;
    if (text.length < CHUNK) continue;
    if (response.destroyed) return;
    const isTaken = response.write(text);
    text = '';
    if (!isTaken) await flushed(response);
    if (performance.now() - turn < TURN_MILLISECONDS) continue;
    await nextTurn();
    turn = performance.now();
  }
  response.write(text + around[1]);
}
