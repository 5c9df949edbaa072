/** What the edge adds to a worker: a request through it, and the same worker called directly, in turn. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callWorker } from '../../../edge/dispatch/http.ts';
import { repositoryRoot } from '../../../infra/paths.ts';
import { WORKER_ADDRESSES } from '../../../shared/api/addresses.ts';
import { itemAt } from '../../../shared/lookup.ts';
import type { BenchRow } from '../main.ts';

const PAIRS = 120;
/** The compiler has done most of its work after some hundreds of requests that are computed. */
const WARM_PAIRS = 200;

const median = (values: readonly number[]): number =>
  itemAt(
    [...values].sort((a, b) => a - b),
    Math.floor(values.length / 2),
    'values',
  );

async function timed(work: () => Promise<Response>): Promise<number> {
  const began = performance.now();
  const answer = await work();
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return performance.now() - began;
}

export async function overhead(
  edge: string,
  key: string,
  worker: string,
  secret: string,
): Promise<BenchRow[]> {
  const picture = await readFile(join(repositoryRoot, 'examples/scene-1.png'));
  const data = picture.toString('base64');
  const targets = [{ modality: 'depth', steps: 1 }];
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const through = (seed: number, wishes: Record<string, string>): Promise<Response> =>
    fetch(`${edge}/v1/generate`, {
      method: 'POST',
      headers: { ...headers, ...wishes },
      body: JSON.stringify({ inputs: { rgb: { data } }, targets, seed }),
    });
  const direct = (seed: number): Promise<Response> => {
    const request = { inputs: { rgb: { data } }, targets, seed };
    const asked = { request_id: `r${seed}`, id: 'bench', model: 'demo', seed, request };
    const call = {
      path: WORKER_ADDRESSES.generate.path,
      body: new TextEncoder().encode(JSON.stringify(asked)),
      accept: 'application/json',
      signal: AbortSignal.timeout(60_000),
    };
    return callWorker(worker, call, secret);
  };
  const [stored, unstored, called]: [number[], number[], number[]] = [[], [], []];
  let seed = 0;
  for (let pair = 0; pair < WARM_PAIRS + PAIRS; pair++) {
    const isWarm = pair >= WARM_PAIRS;
    const alone = isWarm ? await timed(() => direct(++seed)) : 0;
    const kept = await timed(() => through(++seed, {}));
    const passed = await timed(() => through(++seed, { 'cache-control': 'no-store' }));
    if (!isWarm) continue;
    called.push(alone);
    stored.push(kept - alone);
    unstored.push(passed - alone);
  }
  const row = (name: string, value: number, what: string): BenchRow => ({
    name,
    value,
    unit: 'ms',
    what,
  });
  return [
    row('direct_overhead_p50_ms', median(stored), 'the edge before a worker, its result stored'),
    row('direct_unstored_p50_ms', median(unstored), 'the same with Cache-Control: no-store'),
    row('worker_p50_ms', median(called), 'the worker alone: depth in one step'),
  ];
}
