/**
 * `npm run bench -- NAME [--json]`: prints a readable table; with `--json` the last line is one JSON
 * object of named numbers. Numbers that matter are ratios of two things measured in one run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bench as abuse } from './abuse.ts';
import { bench as batches } from './batches.ts';
import { bench as cost } from './cost.ts';
import { bench as edge } from './edge.ts';
import { bench as embed } from './embed.ts';
import { bench as engine } from './engine.ts';
import { bench as exportBench } from './export.ts';
import { bench as faults } from './faults.ts';
import { bench as fleet } from './fleet.ts';
import { bench as fuzz } from './fuzz.ts';
import { bench as generate } from './generate.ts';
import { bench as gpu } from './gpu.ts';
import { bench as load } from './load.ts';
import { bench as retrieve } from './retrieve.ts';
import { bench as watching } from './watching.ts';

export interface BenchRow {
  readonly name: string;
  readonly value: number;
  /** 'x' for ratios. */
  readonly unit: string;
  readonly what: string;
}

const BENCHES: Readonly<Record<string, () => Promise<BenchRow[]>>> = {
  abuse,
  batches,
  cost,
  edge,
  embed,
  engine,
  export: exportBench,
  faults,
  fleet,
  fuzz,
  generate,
  load,
  gpu,
  retrieve,
  watching,
};

const names = Object.keys(BENCHES).join(', ');
const argumentsGiven = process.argv.slice(2);
const json = argumentsGiven.includes('--json');
const [name] = argumentsGiven.filter((argument) => !argument.startsWith('--'));
const run = name === undefined ? undefined : BENCHES[name];
if (!run) {
  console.error(`usage: npm run bench -- NAME [--json]\nbenches: ${names}`);
  process.exit(2);
}

// All that a bench writes lies here, and goes with it, also where a signal ends it.
const folder = mkdtempSync(join(tmpdir(), '4m-bench-'));
process.env.TMPDIR = folder;
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const rows = await run();
const width = Math.max(...rows.map((row) => row.name.length));
for (const row of rows) {
  const value = row.value.toPrecision(3).padStart(8);
  console.log(`${row.name.padEnd(width)} ${value} ${row.unit.padEnd(3)} ${row.what}`);
}
if (json) console.log(JSON.stringify(Object.fromEntries(rows.map((r) => [r.name, r.value]))));
process.exit(0);
