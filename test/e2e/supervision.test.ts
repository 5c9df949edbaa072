/** Life and death of what `npm start` runs: real processes, ended by their ids. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { repositoryRoot } from '../../infra/stack.ts';
import {
  beginProduct,
  descendants,
  isAlive,
  type Product,
  processOf,
  startProduct,
} from '../support/product.ts';

const WORKER = 'dist/worker/main.js';
const EDGE = 'dist/edge/node.js';
const linux = process.platform === 'linux' ? false : 'processes are found through /proc';

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 900; tries++) {
    if (await holds()) return;
    await pause(100);
  }
  assert.fail(`${what} did not come to be within 90 seconds`);
}

let folder = '';
let picture = '';
const started: Product['process'][] = [];

const generate = (url: string, seed: number, more: object = {}, headers = {}): Promise<Response> =>
  fetch(`${url}/v1/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ inputs: { rgb: { data: picture } }, targets: ['depth'], seed, ...more }),
  });

/** With a folder in which the demo model was exported before. */
async function start(options: Parameters<typeof startProduct>[1] = {}): Promise<Product> {
  const product = await startProduct(folder, options);
  started.push(product.process);
  return product;
}

const allGone = (pids: readonly number[]): Promise<void> =>
  until('the end of every process', () => pids.every((pid) => !isAlive(pid)));

before(async () => {
  folder = await mkdtemp(join(tmpdir(), '4m-supervised-'));
  const file = await readFile(join(repositoryRoot, 'examples/scene-1.png'));
  picture = file.toString('base64');
});

after(async () => {
  for (const process of started) {
    for (const pid of [process.pid ?? 0, ...(await descendants(process.pid ?? 0))]) {
      if (pid > 0 && isAlive(pid)) globalThis.process.kill(pid, 'SIGKILL');
    }
  }
  await rm(folder, { recursive: true, force: true });
});

describe('the first start', { skip: linux }, () => {
  const models = (): Promise<string[]> => readdir(join(folder, 'models')).catch(() => []);
  const partial = async (): Promise<boolean> =>
    (await models()).some((name) => name.includes('.partial-'));

  test('TERM during the export ends it with 0, and leaves nothing half-written', async () => {
    const starting = await beginProduct(folder);
    await until('an export', partial);
    starting.process.kill('SIGTERM');
    assert.equal(await starting.ended, 0);
    assert.equal(await partial(), false);
  });

  test('kill -9 during the export ends the exporter; the next start clears up', async () => {
    const starting = await beginProduct(folder);
    await until('an export', partial);
    const exporter = await processOf(starting.process, 'dist/infra/exportDemo.js');
    process.kill(exporter, 'SIGKILL');
    assert.equal(await starting.ended, 1);
    assert.equal(await partial(), true);
    const again = await beginProduct(folder);
    await until(
      'an export',
      async () => (await models()).filter((n) => n.includes('.partial-')).length === 1,
    );
    const second = await processOf(again.process, 'dist/infra/exportDemo.js');
    again.process.kill('SIGKILL');
    await allGone([second]);
  });

  test('two at once on one folder both become ready', async () => {
    const both = await Promise.all([start(), start()]);
    for (const { url } of both) assert.equal((await generate(url, 1)).status, 200);
    assert.equal(await partial(), false);
    assert.equal(
      (await models()).some((name) => name.includes('.lock')),
      false,
    );
    assert.deepEqual(await Promise.all(both.map((product) => product.stop())), [0, 0]);
  });

  test('a taken port is told in one line, before anything is exported', async (t) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const elsewhere = join(folder, 'elsewhere');
    const starting = await beginProduct(elsewhere, { port: address.port });
    assert.equal(await starting.ended, 1);
    const lines = starting.printed().trim().split('\n');
    assert.equal(lines.length, 1, starting.printed());
    assert.match(lines[0] ?? '', new RegExp(`port ${address.port} is taken.*PORT=`));
    await assert.rejects(readdir(elsewhere));
  });
});

describe('a supervised product', { skip: linux }, () => {
  test('kill -9 of the worker: stored results are served, the rest is told when, and it comes back', async () => {
    const product = await start();
    assert.equal((await generate(product.url, 7)).status, 200);
    const worker = await processOf(product.process, WORKER);
    process.kill(worker, 'SIGKILL');
    const stored = await generate(product.url, 7);
    assert.equal(stored.status, 200);
    assert.match(stored.headers.get('cache-status') ?? '', /hit/);
    const refused = await generate(product.url, 8);
    assert.equal(refused.status, 503);
    assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    await until('another worker', async () => (await generate(product.url, 8)).status === 200);
    assert.notEqual(await processOf(product.process, WORKER), worker);
    assert.equal(await product.stop(), 0);
  });

  test('kill -9 of the edge: it comes back at the same address', async () => {
    const product = await start();
    process.kill(await processOf(product.process, EDGE), 'SIGKILL');
    await until('another edge', () =>
      generate(product.url, 7).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    assert.equal(await product.stop(), 0);
  });

  test('a worker that dies again and again is given up on, with 1 and the reason', async () => {
    const product = await start();
    let killed = 0;
    const killing = setInterval(() => {
      void (async () => {
        for (const pid of await descendants(product.process.pid ?? 0)) {
          const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
          if (!command.includes(WORKER) || !isAlive(pid)) continue;
          process.kill(pid, 'SIGKILL');
          killed++;
        }
      })();
    }, 100);
    const code = await product.ended;
    clearInterval(killing);
    assert.equal(code, 1);
    assert.ok(killed >= 5, `killed ${killed} times`);
    assert.match(product.printed(), /worker process ended \(SIGKILL\) .*in a row/);
  });

  test('kill -9 of the parent leaves nobody behind', async () => {
    const product = await start();
    const children = await descendants(product.process.pid ?? 0);
    assert.equal(children.length, 2);
    product.process.kill('SIGKILL');
    await allGone(children);
    await assert.rejects(fetch(`${product.url}/healthz`));
  });

  test('a signal that comes twice, as Ctrl-C under npm does, still ends all in order', async () => {
    const product = await start();
    product.process.kill('SIGINT');
    product.process.kill('SIGINT');
    assert.equal(await product.ended, 0);
  });

  test('TERM in the middle of a long run: its caller is answered, and the exit code is 0', async () => {
    const product = await start({ env: { FOURM_DRAIN_SECONDS: '1' } });
    const targets = ['depth', 'normal', 'semseg'].map((modality) => ({
      modality,
      scheme: 'roar',
      steps: 64,
    }));
    const long = generate(product.url, 9, { targets, num_samples: 16 });
    // Another who asks the same is told of steps, so that they have begun.
    const told = await generate(
      product.url,
      9,
      { targets, num_samples: 16 },
      { accept: 'text/event-stream' },
    );
    await told.body?.getReader().read();
    product.process.kill('SIGTERM');
    const answer = await long;
    assert.equal(answer.status, 503);
    assert.match(answer.headers.get('content-type') ?? '', /problem/);
    assert.equal(await product.ended, 0);
  });
});

describe('through npm', { skip: linux }, () => {
  test('TERM to npm ends all in order with 0', async () => {
    const product = await start({ npm: true });
    const children = await descendants(product.process.pid ?? 0);
    product.process.kill('SIGTERM');
    assert.equal(await product.ended, 0);
    await allGone(children);
  });

  test('kill -9 of npm ends the product', async () => {
    const product = await start({ npm: true });
    const children = await descendants(product.process.pid ?? 0);
    assert.equal(children.length, 3, 'the start script, the worker and the edge, and no shell');
    product.process.kill('SIGKILL');
    await allGone(children);
  });
});
