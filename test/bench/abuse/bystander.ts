/**
 * An ordinary caller in a thread of its own: asks at a fixed rate, whether or not earlier requests were
 * answered, and writes down how long each took. Its parent asks for the list, and then ends it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';

export interface Timed {
  readonly kind: 'stored' | 'listed' | 'tokenized' | 'generated';
  /** Time of the clock when it was sent. */
  readonly at: number;
  readonly milliseconds: number;
  /** 0 when there was no answer. */
  readonly status: number;
}

export const bystanderData = z.object({ url: z.string(), rgb: z.string() });

const EVERY_MS = 200;
const PATIENCE_MS = 60_000;
const KINDS: readonly Timed['kind'][] = ['stored', 'listed', 'tokenized', 'stored', 'generated'];

function observe(): void {
  const { url, rgb } = bystanderData.parse(workerData);
  const times: Timed[] = [];
  const post = (path: string, body: object): Promise<Response> =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  let seed = 1;
  const ask: Readonly<Record<Timed['kind'], () => Promise<Response>>> = {
    stored: () => post('/v1/generate', { inputs: { rgb }, targets: ['depth'], seed: 0 }),
    listed: () => fetch(`${url}/v1/modalities`, { signal: AbortSignal.timeout(PATIENCE_MS) }),
    tokenized: () => post('/v1/tokenize', { inputs: { caption: `a red sphere ${seed++}` } }),
    generated: () => post('/v1/generate', { inputs: { rgb }, targets: ['depth'], seed: seed++ }),
  };
  const time = async (kind: Timed['kind']): Promise<void> => {
    const at = Date.now();
    const begin = performance.now();
    const status = await ask[kind]().then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
    times.push({ kind, at, milliseconds: performance.now() - begin, status });
  };
  let turn = 0;
  setInterval(() => void time(KINDS[turn++ % KINDS.length] ?? 'listed'), EVERY_MS);
  parentPort?.on('message', () => parentPort?.postMessage(times));
}

if (parentPort) observe();
