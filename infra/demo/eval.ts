/**
 * `npm run demo:eval [-- --json] [-- --scenes N]`: the demo model's quality on scenes never trained on,
 * measured through a running server like any caller's. Prints a table; with `--json` the last line is one
 * JSON object.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient } from '../../shared/client/index.ts';
import { startStack } from '../stack.ts';
import { evaluate } from './evaluate/evaluate.ts';
import { examples, FIRST_HELD_OUT_SEED } from './scene/scenes.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, scenes: { type: 'string', default: '500' } },
});
const count = Number(values.scenes);
if (!Number.isInteger(count) || count < 1) {
  console.error('--scenes must be a whole number of at least 1');
  process.exit(2);
}

const dataFolder = await mkdtemp(join(tmpdir(), '4m-eval-'));
const stack = await startStack({ port: 0, dataFolder });
try {
  const client = createClient({ baseUrl: stack.url });
  const rows = await evaluate(client, [...examples(FIRST_HELD_OUT_SEED, count)], (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${count} scenes`);
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  console.log(`\n| task | measure | goal | ${count} held-out scenes |\n|---|---|---|---|`);
  for (const { task, measure, goal, shown } of rows) {
    console.log(`| ${task} | ${measure} | ${goal} | ${shown} |`);
  }
  if (values.json) {
    console.log(JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, row.value]))));
  }
} finally {
  await stack.close();
  await rm(dataFolder, { recursive: true, force: true });
}
