/**
 * What the edge takes, as its real process on one core, with keys, limits, metrics and prices on: stored results, and what
 * it adds to a worker. Beside it, in the same run, a bare server of Hono that reads as much and answers as much.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../../infra/paths.ts';
import { exportDemo } from '../support/demoSet.ts';
import { type Asked, type Loaded, load } from './edge/load.ts';
import { overhead } from './edge/overhead.ts';
import { isPinned, OTHER_CORE, run, SERVER_CORE, type Started, start } from './edge/processes.ts';
import type { BenchRow } from './main.ts';

const SECRET = 'a-secret-of-benches';
const ONE = { connections: 1, seconds: 4 };
const MANY = { connections: 16, seconds: 8 };
/** The compiler has done its work after some thousands of requests. */
const WARM = { connections: 16, seconds: 1, amount: 6000 };
const ENOUGH = 1_000_000_000;

const dist = (file: string): string => join(repositoryRoot, 'dist', file);

/** A key with limits, whose tenant has credit. */
async function createKey(folder: string): Promise<string> {
  const keys = (...command: string[]): Promise<string> =>
    run(OTHER_CORE, [dist('infra/keys/cli.js'), ...command], {
      FOURM_STORE: 'disk',
      FOURM_STORE_DIR: folder,
    });
  const limits = ['--requests', String(ENOUGH), '--units', String(ENOUGH)];
  const said = await keys('create', '--tenant', 'bench', ...limits);
  await keys('credit', 'bench', '+1000000');
  return said.split('\n')[0] ?? '';
}

/** Starts an edge as it is run: with keys, limits and metrics. */
async function startEdge(worker: string, folder: string): Promise<Started & { url: string }> {
  const edge = await start(SERVER_CORE, [dist('edge/node.js')], {
    PORT: '0',
    FOURM_WORKERS: worker,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_AUTH: 'keys',
    FOURM_STORE: 'disk',
    FOURM_STORE_DIR: folder,
    FOURM_METRICS: 'path',
    FOURM_PRICES: JSON.stringify({ currency: 'EUR', per_unit: 10, cached_share: 0.1 }),
  });
  const [url] = /http:\S+/.exec(String(edge.ready.message)) ?? [];
  if (url === undefined) throw new Error('the edge does not say where it listens');
  return { ...edge, url };
}

interface Form {
  readonly name: string;
  readonly what: string;
  readonly asked: Asked;
}

/** One stored prediction of depth, asked for in two forms of body and of answer. */
async function formsOf(url: string, key: string): Promise<Form[]> {
  const picture = await readFile(join(repositoryRoot, 'examples/scene-1.png'));
  const rgb = `data:image/png;base64,${picture.toString('base64')}`;
  const authorization = `Bearer ${key}`;
  const form = new Response(
    Object.entries({ rgb: new Blob([picture], { type: 'image/png' }), targets: 'depth' }).reduce(
      (all, [name, value]) => {
        all.append(name, value);
        return all;
      },
      new FormData(),
    ),
  );
  return [
    {
      name: 'cached_hit',
      what: 'a data URL in JSON, answered as JSON',
      asked: {
        url: `${url}/v1/generate`,
        headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
        body: Buffer.from(JSON.stringify({ inputs: { rgb }, targets: ['depth'] })),
      },
    },
    {
      name: 'cached_file',
      what: 'a form with the picture, answered as a picture',
      asked: {
        url: `${url}/v1/generate`,
        headers: {
          authorization,
          'content-type': form.headers.get('content-type') ?? '',
          accept: 'image/png',
        },
        body: new Uint8Array(await form.arrayBuffer()),
      },
    },
  ];
}

/** Bytes of the answer, once it is stored. @throws Error when it is not */
async function store({ url, headers, body }: Asked): Promise<number> {
  for (let tries = 0; tries < 3; tries++) {
    const answer = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
    const bytes = await answer.arrayBuffer();
    if (!answer.ok) throw new Error(new TextDecoder().decode(bytes));
    if (answer.headers.get('cache-status') === 'fourm-edge; hit') return bytes.byteLength;
  }
  throw new Error('the result is not stored');
}

const rowsOf = ({ name, what }: Form, alone: Loaded, many: Loaded): BenchRow[] => [
  { name: `${name}_p50_ms`, value: alone.p50, unit: 'ms', what: `${what}: one caller` },
  { name: `${name}_p99_ms`, value: alone.p99, unit: 'ms', what: '99 % within' },
  {
    name: `${name}_rps`,
    value: many.perSecond,
    unit: '',
    what: `a second, ${MANY.connections} callers`,
  },
  {
    name: `${name}_cpu_us`,
    value: many.cpuMicroseconds,
    unit: 'us',
    what: 'of the core, a request',
  },
];

async function bare(asked: Asked, bytes: number): Promise<Loaded> {
  const hono = await start(SERVER_CORE, [dist('test/bench/edge/bareHono.js'), String(bytes)]);
  try {
    const url = `http://127.0.0.1:${hono.ready.port}/`;
    await load(hono.pid, { ...asked, url }, WARM);
    return await load(hono.pid, { ...asked, url }, MANY);
  } finally {
    await hono.stop();
  }
}

/** KiB of the Worker's bundle after gzip, as `npm run size` has it. */
async function bundleSize(): Promise<number> {
  const printed = await run(OTHER_CORE, [join(repositoryRoot, 'infra/size.mjs')]);
  return Number(/^edge: ([\d.]+) KiB/m.exec(printed)?.[1]);
}

export async function bench(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), '4m-edge-bench-'));
  const { modelsFolder, remove } = await exportDemo();
  const key = await createKey(folder);
  const worker = await start(OTHER_CORE, [dist('worker/main.js')], {
    FOURM_WORKER_PORT: '0',
    FOURM_MODELS_DIR: modelsFolder,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_THREADS: '1',
  });
  const workerUrl = String(worker.ready.url);
  const edge = await startEdge(workerUrl, folder);
  try {
    if (!isPinned) console.error('there is no taskset here: nothing is pinned to a core');
    const rows: BenchRow[] = [];
    const forms = await formsOf(edge.url, key);
    let honoRows: BenchRow[] = [];
    for (const form of forms) {
      const bytes = await store(form.asked);
      await load(edge.pid, form.asked, WARM);
      const alone = await load(edge.pid, form.asked, ONE);
      const many = await load(edge.pid, form.asked, MANY);
      rows.push(...rowsOf(form, alone, many));
      if (form.name !== 'cached_hit') continue;
      const hono = await bare(form.asked, bytes);
      const what = `bare Hono: reads ${form.asked.body.length} bytes, answers ${bytes}`;
      const share = many.perSecond / hono.perSecond;
      const cpu = many.cpuMicroseconds / hono.cpuMicroseconds;
      honoRows = [
        { name: 'bare_hono_rps', value: hono.perSecond, unit: '', what },
        {
          name: 'bare_hono_cpu_us',
          value: hono.cpuMicroseconds,
          unit: 'us',
          what: 'of the core, a request',
        },
        {
          name: 'cached_hit_of_bare',
          value: share,
          unit: 'x',
          what: 'requests a second, to bare Hono',
        },
        {
          name: 'cached_hit_cpu_of_bare',
          value: cpu,
          unit: 'x',
          what: 'time of the core, to bare Hono',
        },
      ];
    }
    rows.push(...honoRows, ...(await overhead(edge.url, key, workerUrl, SECRET)));
    const size = await bundleSize();
    return [...rows, { name: 'bundle_gzip_kib', value: size, unit: 'KiB', what: 'the Worker' }];
  } finally {
    await edge.stop();
    await worker.stop();
    await remove();
    await rm(folder, { recursive: true, force: true });
  }
}
