/** The log of real processes in a file, read. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

type Entry = Record<string, unknown>;

/** Every line. @throws SyntaxError for one that is no JSON */
export async function readLog(file: string): Promise<Entry[]> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return (
    lines
      // What `npm start` says while it exports the demo model.
      .filter((line) => line !== '' && !/^(export|process \d+ is export)/.test(line))
      .map((line) => JSON.parse(line) as Entry)
  );
}

/** The first line that fits, of those that are there or come within two minutes. */
export async function loggedIn(file: string, fits: (entry: Entry) => boolean): Promise<Entry> {
  for (let tries = 0; tries < 1200; tries++) {
    const found = (await readLog(file)).find(fits);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail('the log has no such line');
}
