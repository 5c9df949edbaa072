/**
 * `npm run bench -- retrieve [--json] [--rows=N] [--adds=N]`: a collection of a million vectors, and adds to a worker
 * that is killed ten times.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportDemo } from '../support/demoSet.ts';
import type { BenchRow } from './main.ts';
import { killWriters } from './retrieve/kills.ts';
import { benchMillion } from './retrieve/million.ts';

const KILLS = 10;
const TOGETHER = 32;

function numberOf(name: string, fallback: number): number {
  const given = process.argv.find((argument) => argument.startsWith(`--${name}=`));
  return given === undefined ? fallback : Number(given.slice(name.length + 3));
}

async function benchKills(adds: number): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-kills-'));
  const { modelsFolder, remove } = await exportDemo();
  try {
    const { lost, doubled, sent, seconds } = await killWriters({
      modelsFolder,
      env: { FOURM_COLLECTIONS: join(folder, 'collections') },
      adds,
      kills: KILLS,
      together: TOGETHER,
    });
    const what = `of ${adds} adds to a worker killed ${KILLS} times`;
    return [
      { name: 'lost', value: lost, unit: '', what: `acknowledged and not there, ${what}` },
      { name: 'doubled', value: doubled, unit: '', what: `there more than once, ${what}` },
      { name: 'adds_sent', value: sent, unit: '', what: 'adds sent, those again included' },
      {
        name: 'adds_s',
        value: seconds,
        unit: 's',
        what: 'time of it, with the starts of the worker',
      },
    ];
  } finally {
    await remove();
    await rm(folder, { recursive: true, force: true });
  }
}

export async function bench(): Promise<BenchRow[]> {
  const rows = numberOf('rows', 1_000_000);
  const adds = numberOf('adds', 10_000);
  const killed = adds > 0 ? await benchKills(adds) : [];
  return [...(rows > 0 ? await benchMillion(rows) : []), ...killed];
}
