/**
 * `npm run bench -- batches`: the largest batch (50,000 lines, 200 MB) through a real edge and a real worker, and the
 * memory of both on its way: while it is sent, while it is worked on, and while its output is fetched. Lines are dry
 * runs, so that nothing is computed: what is measured is the way of lines and answers. `--lines N` makes it smaller.
 */
import { openAsBlob } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '../../infra/stack.ts';
import { MOST_BATCH_BYTES, MOST_LINES } from '../../shared/api/batchLimits.ts';
import { createClient } from '../../shared/client/index.ts';
import type { BenchRow } from './main.ts';

const MEGABYTE = 1e6;

/** What a process holds in memory, in megabytes (Linux). */
async function residentOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024) / MEGABYTE;
}

/** Lines of equal length that fill a batch, each another request. */
async function writeLines(file: string, count: number): Promise<void> {
  const length = Math.floor(MOST_BATCH_BYTES / MOST_LINES) - 1;
  const picture = Buffer.from('89504e470d0a1a0a', 'hex').toString('base64').replace(/=+$/, '');
  const handle = await open(file, 'w');
  for (let n = 0; n < count; n++) {
    const lineOf = (data: string) => {
      const body = { inputs: { rgb: { data } }, target: 'scene_global', dry_run: true };
      return JSON.stringify({ custom_id: `line-${n}`, method: 'POST', url: '/v1/embed', body });
    };
    const room = length - lineOf('').length;
    const size = room - (room % 4);
    const data = (picture + n.toString(36).padStart(6, '0')).padEnd(size, 'A');
    await handle.write(`${lineOf(data)}\n`);
  }
  await handle.close();
}

export async function bench(): Promise<BenchRow[]> {
  const at = process.argv.indexOf('--lines');
  const count = at < 0 ? MOST_LINES : Number(process.argv[at + 1]);
  const folder = await mkdtemp(join(tmpdir(), '4m-bench-batches-'));
  const stack = await startStack({ port: 0, dataFolder: folder });
  const client = createClient({ baseUrl: stack.url });
  const rows: BenchRow[] = [];
  const row = (name: string, value: number, unit: string, what: string): void =>
    void rows.push({ name, value, unit, what });
  /** The most that each process held while something was done, beyond what it held before. */
  async function watched<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { edge, worker } = stack.pids();
    const before = [await residentOf(edge), await residentOf(worker)];
    const most = [...before];
    const look = async (): Promise<void> => {
      for (const [index, pid] of [edge, worker].entries())
        most[index] = Math.max(most[index] ?? 0, await residentOf(pid));
    };
    const timer = setInterval(() => void look(), 200);
    const began = performance.now();
    const result = await work();
    clearInterval(timer);
    row(`${name}_seconds`, (performance.now() - began) / 1000, 's', 'time');
    for (const [index, part] of ['edge', 'worker'].entries()) {
      row(`${name}_${part}_mb`, most[index] ?? 0, 'MB', `memory of the ${part} at most`);
      const more = (most[index] ?? 0) - (before[index] ?? 0);
      row(`${name}_${part}_more_mb`, more, 'MB', 'of it, beyond what it held before');
    }
    return result;
  }
  try {
    const file = join(folder, 'lines.jsonl');
    await writeLines(file, count);
    const input = await openAsBlob(file);
    row('lines', count, '', 'lines of the batch');
    row('input_mb', input.size / MEGABYTE, 'MB', 'its input');
    const made = await watched('send', () => client.batches.create(input));
    const ended = await watched('work', () => client.batches.wait(made.id));
    const { completed, failed } = ended.request_counts;
    row('completed', completed, '', 'lines that were answered');
    row('failed', failed, '', 'lines that were not');
    const bytes = await watched('fetch', async () => {
      const answer = await fetch(`${stack.url}/v1/batches/${made.id}/output`);
      let size = 0;
      for await (const chunk of answer.body ?? []) size += chunk.length;
      return size;
    });
    row('output_mb', bytes / MEGABYTE, 'MB', 'its output');
    return rows;
  } finally {
    await stack.close();
    await rm(folder, { recursive: true, force: true });
  }
}
