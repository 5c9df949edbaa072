/** What a direct request costs an edge on Node: the processor time of a real edge process before a worker that is a fake. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { repositoryRoot } from '../../../infra/paths.ts';
import { freePort } from '../../../infra/ports.ts';
import { SECRET, startFakeWorker } from '../../support/fakeWorker.ts';

const REQUESTS = 400;
const WARM = 100;
const AT_ONCE = 8;
const READY_MILLISECONDS = 20_000;
/** Of a clock tick, in which Linux counts a process's time. */
const TICK_SECONDS = 0.01;

/** Processor seconds that a process has taken, of user and system. Linux only. */
async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name may hold spaces; it ends with the last bracket, and the times are the 12th and 13th field behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS;
}

/** A JPEG of a size that cameras and pages have. */
async function picture(): Promise<Buffer> {
  const [width, height] = [640, 480];
  const noise = { type: 'gaussian', mean: 128, sigma: 24 } as const;
  const create = { width, height, channels: 3, background: '#888', noise } as const;
  return await sharp({ create }).blur(1).jpeg({ quality: 85 }).toBuffer();
}

export interface EdgeCost {
  /** Processor seconds of a request with a picture. */
  readonly seconds: number;
  readonly pictureBytes: number;
}

/** @throws Error when the edge does not start, or answers something else than 200 */
export async function measureEdge(): Promise<EdgeCost> {
  const worker = await startFakeWorker();
  const port = await freePort();
  const edge = spawn(process.execPath, [join(repositoryRoot, 'dist/edge/node.js')], {
    env: {
      ...process.env,
      PORT: String(port),
      HOST: '127.0.0.1',
      FOURM_WORKERS: worker.url,
      FOURM_WORKER_SECRET: SECRET,
      FOURM_LOG_LEVEL: 'warn',
    },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    const end = performance.now() + READY_MILLISECONDS;
    while (!(await fetch(`${url}/readyz`).catch(() => undefined))?.ok) {
      if (performance.now() > end) throw new Error('the edge that is measured does not start');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const bytes = await picture();
    let seed = 0;
    const ask = async (): Promise<void> => {
      const body = new FormData();
      body.append('rgb', new Blob([new Uint8Array(bytes)], { type: 'image/jpeg' }), 'a.jpg');
      body.append('targets', 'depth');
      body.append('seed', String(seed++));
      const answer = await fetch(`${url}/v1/generate`, { method: 'POST', body });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`the edge answered ${answer.status}: ${text}`);
    };
    const send = async (count: number): Promise<void> => {
      let left = count;
      const caller = async (): Promise<void> => {
        while (left-- > 0) await ask();
      };
      await Promise.all(Array.from({ length: AT_ONCE }, caller));
    };
    await send(WARM);
    const pid = edge.pid ?? 0;
    const before = await processorSeconds(pid);
    await send(REQUESTS);
    const seconds = ((await processorSeconds(pid)) - before) / REQUESTS;
    return { seconds, pictureBytes: bytes.length };
  } finally {
    edge.kill('SIGTERM');
    await worker.close();
  }
}
