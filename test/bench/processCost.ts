/** What a program of ours costs: seconds, and memory as the kernel counts it. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** Milliseconds between two looks at a process's memory; its peak is kept by the kernel. */
const LOOK_MS = 20;

export interface Memory {
  /** Largest resident memory, pages of mapped files included. */
  readonly peakBytes: number;
  /** Memory now that is not a mapped file. */
  readonly anonymousBytes: number;
}

export interface Cost {
  readonly seconds: number;
  readonly peakBytes: number;
  /** Largest memory that is not a mapped file. */
  readonly anonymousBytes: number;
}

const kilobytes = (status: string, key: string): number =>
  1024 * Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);

/** Zeros for a process that has ended, and on systems other than Linux. */
export async function memoryOf(pid: number | undefined): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return {
    peakBytes: kilobytes(status, 'VmHWM'),
    anonymousBytes: kilobytes(status, 'RssAnon'),
  };
}

/** Runs a program to its end and watches its memory. @throws Error with its output when it fails */
export async function costOf(program: string, ...programArguments: string[]): Promise<Cost> {
  const started = performance.now();
  const child = spawn(process.execPath, [program, ...programArguments]);
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  child.stderr.on('data', (text) => {
    output += text;
  });
  let peakBytes = 0;
  let anonymousBytes = 0;
  const timer = setInterval(async () => {
    const memory = await memoryOf(child.pid);
    peakBytes = Math.max(peakBytes, memory.peakBytes);
    anonymousBytes = Math.max(anonymousBytes, memory.anonymousBytes);
  }, LOOK_MS);
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${program} ended with code ${code}: ${output}`);
  return { seconds: (performance.now() - started) / 1000, peakBytes, anonymousBytes };
}
