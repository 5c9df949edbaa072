/**
 * The hostile client, in a process of its own. A real one would run on a machine of its own, so this one
 * gives way to the product where processors are short: what it computes should not be charged to the product.
 * Its parent names an attack by message, and is sent what came back.
 */
import { writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import type { ToAttacker, ToBench } from './attackerProcess.ts';
import { type Attack, attacks } from './attacks.ts';

const NICENESS = constants.priority.PRIORITY_BELOW_NORMAL;

async function giveWay(): Promise<void> {
  setPriority(NICENESS);
  // Linux gives each session a share of its own, which the niceness of a process does not change.
  await writeFile('/proc/self/autogroup', String(NICENESS)).catch(() => {});
}

const tell = (message: ToBench): void => void process.send?.(message);

if (process.send) {
  await giveWay();
  const all: ReadonlyMap<string, Attack> = new Map((await attacks()).map((a) => [a.name, a]));
  process.on('message', async ({ name, address }: ToAttacker) => {
    const sent = await all.get(name)?.run(address);
    tell({ sent: sent ?? [] });
  });
  process.once('disconnect', () => process.exit(0));
  tell({ names: [...all.keys()] });
}
