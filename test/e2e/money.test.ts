/** Money from end to end: what `npm start` runs with keys, prices and a sink, fed by command and killed with -9. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { operatedBy } from '../../edge/docs/operation.ts';
import { EXAMPLES } from '../../edge/examples/examples.ts';
import { EXAMPLE_ORIGIN, LANGUAGES, requestOf } from '../../edge/examples/snippets.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { type UsageResponse, usageResponseSchema } from '../../shared/api/usage.ts';
import { type Client, createClient, ProblemError } from '../../shared/client/index.ts';
import { balanceOf, outstandingOf, spentOf } from '../../shared/credit/account.ts';
import { reclaim } from '../../shared/credit/settle.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import type { Store } from '../../shared/store/store.ts';
import { type CloudEvent, TYPES } from '../../worker/credit/sink.ts';
import { creditServices } from '../../worker/credit/sweep.ts';
import { pythonMissing } from '../support/exampleRuns.ts';
import {
  type Asking,
  askWith,
  chargedBy,
  chargesIn,
  keysCommand,
} from '../support/moneyProduct.ts';
import { descendants, isAlive, type Product, processOf, startProduct } from '../support/product.ts';
import { answers, type Receiver, startReceiver } from '../support/receiver.ts';

const GRANTED = 25_000_000;
const PRICES = { currency: 'EUR', per_unit: 10, cached_share: 0.1 };
/** Longer than a lease lasts after its edge was killed. */
const LEASE_OVER_MILLISECONDS = 60_000;
const linux = process.platform === 'linux' ? false : 'processes are found through /proc';
const run = promisify(execFile);

describe('money of real processes', { skip: linux }, () => {
  let folder = '';
  let place = '';
  let sink: Receiver;
  let product: Product;
  let store: Store;
  let secret = '';
  let ask: Asking;
  let client: Client;
  /** What answers said that this caller was charged; jobs that came back are taken off. */
  let told = 0;
  let refunded = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-money-'));
    place = join(folder, 'store');
    sink = await startReceiver();
    // Of a receiver that is out of order first.
    let failures = 2;
    sink.answer = (response) => answers(failures-- > 0 ? 500 : 204)(response);
    product = await startProduct(folder, {
      env: {
        ...{ FOURM_THREADS: '1', FOURM_AUTH: 'keys', FOURM_PRICES: JSON.stringify(PRICES) },
        ...{
          FOURM_SWEEP_SECONDS: '1',
          FOURM_USAGE_SINK: sink.url,
          FOURM_USAGE_SINK_TOKEN: 'sesame',
        },
      },
    });
    store = createDiskStore(place);
    secret = await keyOf('acme');
    ask = askWith(product.url, secret);
    client = createClient({ baseUrl: product.url, apiKey: secret });
  });
  after(async () => {
    const pids = [product.process.pid ?? 0, ...(await descendants(product.process.pid ?? 0))];
    for (const pid of pids) if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGKILL');
    await sink?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const keyOf = async (tenant: string): Promise<string> =>
    (await keysCommand(place, 'create', '--tenant', tenant)).split('\n')[0] ?? '';
  const depth = (caption: string, more: object = {}) => ({
    ...{ inputs: { caption }, targets: [{ modality: 'depth', steps: 1 }], outputs: 'tokens' },
    ...more,
  });
  const priceOf = async (body: object): Promise<number> => {
    const answer = await ask.post('/v1/generate', { ...body, dry_run: true });
    return ((await answer.json()) as { usage: { price: number } }).usage.price;
  };
  /** Asks, and notes what it was charged. */
  async function charge(body: object, headers: Record<string, string> = {}): Promise<Response> {
    const answer = await ask.post('/v1/generate', body, headers);
    assert.ok(answer.ok, await answer.clone().text());
    told += chargedBy(answer);
    return answer;
  }
  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 3600; tries++) {
      // While the edge is replaced there may be no answer.
      if (await holds().catch(() => false)) return;
      await sleep(50);
    }
    assert.fail(`${what} did not come to be within three minutes`);
  }
  /** Usage, once it says what callers were told. */
  async function settledUsage(): Promise<UsageResponse> {
    let usage = await ask.usage();
    await until(`a usage of ${told}, and ${refunded} that came back`, async () => {
      usage = await ask.usage();
      return usage.total.amount === told && usage.total.returned === refunded;
    }).catch((cause) => assert.fail(`${cause.message}: ${JSON.stringify(usage.total)}`));
    return usage;
  }

  test('without credit 402 tells price and balance; a grant by command counts once', async () => {
    const price = await priceOf(depth('a red cube'));
    assert.ok(price > 3);
    await keysCommand(place, 'credit', 'acme', '+0.000003', '--id', 'little');
    const refused = await ask.post('/v1/generate', depth('a red cube'));
    assert.equal(refused.status, 402);
    const problem = (await refused.json()) as Record<string, unknown>;
    assert.deepEqual(
      [problem.code, problem.price, problem.balance, problem.currency],
      ['payment_required', price, 3, 'EUR'],
    );
    for (let times = 0; times < 2; times++)
      await keysCommand(place, 'credit', 'acme', '+24.999997', '--id', 'invoice-17');
    assert.match(await keysCommand(place, 'credit', 'acme'), /granted 25\.000000/);
    assert.equal((await ask.usage()).balance, GRANTED);
  });

  test('what dry_run says is charged, once for an Idempotency-Key, and a share for a stored result', async () => {
    const body = depth('a red cube');
    const price = await priceOf(body);
    const headers = { 'idempotency-key': 'the-same' };
    assert.equal(chargedBy(await charge(body, headers)), price);
    const replayed = await charge(body, headers);
    assert.equal(replayed.headers.get('idempotent-replayed'), 'true');
    assert.equal(replayed.headers.get('x-4m-charged'), null);
    const stored = await charge(body);
    assert.equal(stored.headers.get('cache-status'), 'fourm-edge; hit');
    assert.equal(chargedBy(stored), Math.ceil(price / 10));
    const { total } = await settledUsage();
    assert.deepEqual([total.requests, total.cached], [2, 1]);
  });

  test('a job that is canceled and one that fails give back what they cost', async () => {
    const long = (caption: string, more: object = {}) =>
      depth(caption, {
        targets: ['rgb', 'depth', 'normal', 'semseg'].map((modality) => ({ modality, steps: 16 })),
        ...more,
      });
    const canceled = await client.jobs.submit('generate', long('one cone') as never);
    const failing = await client.jobs.submit(
      'generate',
      long('two cones', { deadline_ms: 300 }) as never,
    );
    const held = (await priceOf(long('one cone'))) + (await priceOf(long('two cones')));
    // Charged when it was accepted, and back by now where it has failed already.
    await until(`${held} that are charged`, async () => {
      const { amount, returned } = (await ask.usage()).total;
      return amount - told + returned === held;
    });
    await canceled.cancel();
    await assert.rejects(
      failing.wait(),
      (error) => error instanceof ProblemError && error.problem.code === 'deadline_exceeded',
    );
    refunded += held;
    await settledUsage();
  });

  test('a batch of four lines, two of them equal: each distinct line is computed and charged once', async () => {
    const captions = ['a blue cube', 'a blue cone', 'a blue cube', 'a blue sphere'];
    const price = await priceOf(depth('a blue cube'));
    const lines = captions.map((caption, n) => ({
      ...{ custom_id: `line-${n}`, method: 'POST' as const, url: '/v1/generate' as const },
      body: depth(caption),
    }));
    const prices = await Promise.all(lines.map(({ body }) => priceOf(body)));
    const ended = await client.batches.wait((await client.batches.create(lines)).id);
    assert.deepEqual(ended.request_counts, { total: 4, completed: 4, failed: 0 });
    told += prices.reduce((all, one) => all + one, 0) - price;
    const { total } = await settledUsage();
    assert.deepEqual([total.requests, total.cached], [7, 1]);
  });

  test('kill -9 of the edge in the midst of eight charged requests: usage, events and account agree', async () => {
    const before = (await ask.usage()).total;
    // They end one well behind the other, so that the edge is killed before the last.
    const bodies = Array.from({ length: 8 }, (_, n) =>
      depth(`${n} green cubes`, { targets: [{ modality: 'depth', steps: 2 * n + 1 }] }),
    );
    const prices = await Promise.all(bodies.map(priceOf));
    const full = prices.reduce((all, one) => all + one, 0);
    const edge = await processOf(product.process, 'dist/edge/node.js');
    let answered = 0;
    const asked = bodies.map(async (body) => {
      const answer = await ask.post('/v1/generate', body);
      await answer.arrayBuffer();
      if (++answered === 2) process.kill(edge, 'SIGKILL');
    });
    await Promise.allSettled(asked);
    assert.ok(answered < 8, 'it was killed in the midst');
    await until('an edge', async () => (await fetch(`${product.url}/readyz`)).ok);
    // What those who had no answer ask again, and the others as well.
    let again = 0;
    for (const body of bodies) {
      const answer = await ask.post('/v1/generate', body);
      assert.equal(answer.status, 200, await answer.clone().text());
      again += chargedBy(answer);
    }
    let usage = await ask.usage();
    await until('all that is charged in usage', async () => {
      const written = (await chargesIn(store, 'acme')).length;
      await sleep(600);
      usage = await ask.usage();
      return (
        usage.total.requests >= before.requests + 8 &&
        written === (await chargesIn(store, 'acme')).length
      );
    });
    const added = usage.total.amount - before.amount;
    assert.ok(added >= again && added <= again + full, `${added}, ${again} after the kill`);
    const events = await chargesIn(store, 'acme');
    const sum = events.reduce((all, { amount }) => all + amount, 0);
    assert.equal(usage.total.amount + usage.total.returned, sum);
    assert.equal(usage.total.requests, events.length);
    assert.ok(usage.balance + usage.held <= GRANTED);
  });

  test('the example of the documentation shows this usage', async () => {
    const example = requestOf(operatedBy(ROUTES.usage), EXAMPLES.usage[0] ?? {});
    const writeFor = (language: string): string => {
      const { write } = LANGUAGES.find(({ name }) => name === language) ?? assert.fail();
      return write(example).replaceAll(EXAMPLE_ORIGIN, product.url);
    };
    const code = writeFor('curl');
    const env = { ...process.env, FOURM_KEY: secret };
    const { stdout } = await run('bash', ['-e', '-c', code], { env });
    const { total } = await ask.usage();
    assert.deepEqual(usageResponseSchema.parse(JSON.parse(stdout)).total, total);
    // What the other languages print is no JSON, and has the same numbers.
    const shows = (printed: string) =>
      assert.match(printed, new RegExp(`amount\\W+${total.amount}\\b`), printed);
    const typescript = await build({
      stdin: { contents: writeFor('TypeScript'), resolveDir: repositoryRoot, loader: 'ts' },
      alias: { '@4m-edge/client': join(repositoryRoot, 'shared/client/index.ts') },
      ...{ bundle: true, write: false, platform: 'node', format: 'esm' },
    });
    const program = ['--input-type=module', '-e', typescript.outputFiles[0]?.text ?? ''];
    shows((await run(process.execPath, program, { env })).stdout);
    if (pythonMissing() === undefined)
      shows((await run('python3', ['-c', writeFor('Python')], { env })).stdout);
  });

  test('a sink that failed at first is told each charge, and their sum is the usage', async () => {
    const { total } = await ask.usage();
    const taken = () => sink.received.slice(2);
    const events = () => {
      const found = taken().flatMap(({ body }) => JSON.parse(body) as CloudEvent[]);
      return new Map(found.map((event) => [event.id, event]));
    };
    await until('every event', async () => events().size === total.requests);
    const sumOf = (type: string): number =>
      [...events().values()]
        .filter((event) => event.type === type)
        .reduce((all, { data }) => all + Number(data.amount), 0);
    assert.deepEqual([sumOf(TYPES.charged), sumOf(TYPES.returned)], [total.amount, total.returned]);
    // What was refused came again.
    for (const { body, headers } of sink.received.slice(0, 2)) {
      assert.equal(headers.authorization, 'Bearer sesame');
      for (const event of JSON.parse(body) as CloudEvent[])
        assert.deepEqual(events().get(event.id), event);
    }
  });

  test('when all leases have ended, what is left and what is spent is what was granted', async () => {
    const { total } = await ask.usage();
    assert.equal(await product.stop(), 0);
    const services = creditServices(store);
    const later = { ...services, now: () => store.now() + LEASE_OVER_MILLISECONDS };
    const account = await reclaim(later, 'acme');
    assert.deepEqual(
      [outstandingOf(account), spentOf(account), balanceOf(account)],
      [0, total.amount, GRANTED - total.amount],
    );
  });
});
