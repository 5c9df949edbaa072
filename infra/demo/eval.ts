/**
 * `npm run demo:eval [-- --json] [-- --scenes N] [-- --painted N] [-- --only PART,PART]`: the demo model's quality
 * on scenes never trained on, measured through a running server like any caller's. Prints a table; with `--json` the last
 * line of standard output is one JSON object. All else that is printed goes to standard error.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient } from '../../shared/client/index.ts';
import { startStack } from '../stack.ts';
import { evaluate, GROUPS, table } from './evaluate/evaluate.ts';
import { evaluateHeads, headTable } from './evaluate/heads.ts';
import { examples, FIRST_HELD_OUT_SEED } from './scene/scenes.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    scenes: { type: 'string', default: '500' },
    painted: { type: 'string' },
    only: { type: 'string' },
  },
});

/** Ends the program where the option is not a count. */
function countFrom(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  console.error(`--${option} must be a whole number of at least 1`);
  process.exit(2);
}
const count = countFrom('scenes', values.scenes);
const painted = countFrom('painted', values.painted ?? values.scenes);

/** What can be measured by itself: rows of the table, and heads. */
const PARTS = [...GROUPS, 'heads'] as const;
/** Ends the program where one is none of the parts. */
function partsFrom(text: string | undefined): readonly (typeof PARTS)[number][] {
  if (text === undefined) return PARTS;
  const names = text.split(',');
  const unknown = names.find((name) => !PARTS.some((part) => part === name));
  if (unknown === undefined) return PARTS.filter((part) => names.includes(part));
  console.error(`--only names ${PARTS.join(', ')}, and not ${unknown}`);
  process.exit(2);
}
const parts = partsFrom(values.only);
const groups = GROUPS.filter((group) => parts.includes(group));

const dataFolder = await mkdtemp(join(tmpdir(), '4m-eval-'));
const stack = await startStack({ port: 0, dataFolder });
try {
  const client = createClient({ baseUrl: stack.url });
  const rows = await evaluate(client, [...examples(FIRST_HELD_OUT_SEED, count)], {
    painted,
    groups,
    onProgress: (done, of) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${of} tasks`);
      else if (done % 50 === 0) console.error(`${done} of ${of} tasks`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  if (rows.length > 0) console.log(table(rows));
  const heads = parts.includes('heads') ? await evaluateHeads(client, count) : [];
  if (heads.length > 0) console.log(`\n${headTable(heads)}`);
  if (values.json) {
    const named = rows.map((row): [string, unknown] => [row.name, row.value]);
    const judged = heads.map(({ name, task: _, ...own }): [string, unknown] => [
      `head_${name}`,
      own,
    ]);
    console.log(JSON.stringify(Object.fromEntries([...named, ...judged])));
  }
} finally {
  await stack.close();
  await rm(dataFolder, { recursive: true, force: true });
}
