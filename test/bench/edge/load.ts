/** Load on a server: autocannon in a process of its own, and what the server's process took meanwhile. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../../../infra/paths.ts';
import { cpuSeconds, OTHER_CORE, run } from './processes.ts';

const cannon = join(repositoryRoot, 'dist/test/bench/edge/cannon.js');

export interface Asked {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Amount {
  readonly connections: number;
  readonly seconds: number;
  /** Requests, in place of seconds. */
  readonly amount?: number;
}

export interface Loaded {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of the processor that the server took for a request. */
  readonly cpuMicroseconds: number;
}

interface Report {
  readonly requests: { readonly average: number; readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly non2xx: number;
  readonly errors: number;
  readonly timeouts: number;
}

/** @throws Error where any request was not answered 2xx */
export async function load(
  pid: number,
  { url, headers, body }: Asked,
  { connections, seconds: duration, amount }: Amount,
): Promise<Loaded> {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-load-'));
  try {
    const file = join(folder, 'options.json');
    const encoded = Buffer.from(body).toString('base64');
    const options = { url, headers, connections, duration, amount, body: encoded };
    await writeFile(file, JSON.stringify(options));
    const before = cpuSeconds(pid);
    const report = JSON.parse(await run(OTHER_CORE, [cannon, file])) as Report;
    const spent = cpuSeconds(pid) - before;
    const { requests, latency, non2xx, errors, timeouts } = report;
    if (non2xx + errors + timeouts > 0)
      throw new Error(`${url}: ${non2xx} not 2xx, ${errors} errors, ${timeouts} timeouts`);
    return {
      perSecond: requests.average,
      p50: latency.p50,
      p99: latency.p99,
      cpuMicroseconds: (spent / requests.total) * 1e6,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
