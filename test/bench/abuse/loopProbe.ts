/**
 * Preloaded into the product's processes (`--import`): writes every long stall of their event loop to a
 * file, one JSON object a line. A timer of a few milliseconds is late by as long as the loop was held.
 * Linux tells how much of that time the thread only waited for a processor; it is written besides, since
 * other programs of the machine are not the product's fault.
 */
import { appendFileSync, closeSync, openSync, readSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { startProfile } from './stallProfile.ts';
import { NOTED_MS, type ProbeLine } from './stalls.ts';

const TICK_MS = 4;
const PROFILED_MS = 35;
const MEMORY_EVERY_MS = 200;

const SCRIPTS: Readonly<Record<string, ProbeLine['process']>> = {
  'worker/main.js': 'worker',
  'edge/node.js': 'edge',
};

/** Milliseconds that this thread has waited for a processor so far; 0 where the system does not tell. */
function createWaited(): () => number {
  const bytes = Buffer.alloc(100);
  let file: number;
  try {
    file = openSync('/proc/self/schedstat', 'r');
  } catch {
    return () => 0;
  }
  process.once('exit', () => closeSync(file));
  return () => {
    const length = readSync(file, bytes, 0, bytes.length, 0);
    return Number(bytes.toString('latin1', 0, length).split(' ')[1] ?? 0) / 1e6;
  };
}

function watch(name: ProbeLine['process'], file: string): void {
  const write = (line: ProbeLine): void => appendFileSync(file, `${JSON.stringify(line)}\n`);
  const waited = createWaited();
  const profile = process.env.FOURM_BENCH_PROFILE === '1' ? startProfile() : undefined;
  let last = performance.now();
  let lastWaited = waited();
  let memoryAt = 0;
  setInterval(() => {
    const late = performance.now() - last - TICK_MS;
    const wait = waited() - lastWaited;
    if (late > NOTED_MS) {
      const at = Date.now();
      // Reading a profile takes long itself: only for what this thread did, not for what it waited.
      const stack = late - wait > PROFILED_MS ? profile?.(late) : undefined;
      write({ process: name, at, stall: late, waited: wait, ...(stack && { stack }) });
    }
    if (Date.now() - memoryAt > MEMORY_EVERY_MS) {
      memoryAt = Date.now();
      write({ process: name, at: memoryAt, memory: process.memoryUsage.rss() / 1e6 });
    }
    last = performance.now();
    lastWaited = waited();
  }, TICK_MS).unref();
}

const file = process.env.FOURM_BENCH_STALLS;
const script = process.argv[1] ?? '';
const name = Object.entries(SCRIPTS).find(([path]) => script.endsWith(path))?.[1];
if (isMainThread && file !== undefined && name !== undefined) watch(name, file);
