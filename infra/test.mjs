// `npm test [-- PART ...]`: runs the test files whose path contains one of the parts, all without any, and
// says once, at the end, what was skipped and what it would have needed.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

// Of a file: the one of workerd took more than five minutes on a slow machine that others used.
const TIMEOUT_MS = 600_000;
const folder = join(dirname(fileURLToPath(import.meta.url)), '../dist/test');

const parts = process.argv.slice(2);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .sort()
  .map((file) => join(folder, file));
if (files.length === 0) {
  console.error(`no test file's path contains ${parts.join(' or ')}`);
  process.exit(2);
}

/** What is missing -> how many tests (a suite counts as one) were skipped for it, and in which files. */
const skipped = new Map();
function note({ skip, file }) {
  if (skip === undefined) return;
  // "published vectors (reference/fm)" names what and, in brackets, which.
  const reason = typeof skip === 'string' ? skip.replace(/ \(.*\)$/, '') : 'no reason given';
  const entry = skipped.get(reason) ?? { count: 0, files: new Set() };
  entry.count++;
  if (file) entry.files.add(file.replace(/^.*\/dist\/test\//, '').replace(/(\.test)?\.js$/, ''));
  skipped.set(reason, entry);
}

let failed = false;
const events = run({ files, timeout: TIMEOUT_MS, concurrency: availableParallelism() });
events.on('test:pass', note);
events.on('test:fail', ({ todo }) => {
  if (todo === undefined || todo === false) failed = true;
});
const output = events.compose(spec);
output.pipe(process.stdout, { end: false });
output.once('end', () => {
  if (skipped.size > 0) console.log('\nSkipped, since something is missing here:');
  for (const [reason, { count, files: where }] of skipped) {
    console.log(`  ${count} x ${reason}: ${[...where].join(', ')}`);
  }
  process.exitCode = failed ? 1 : 0;
});
