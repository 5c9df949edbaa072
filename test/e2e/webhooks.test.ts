/** Webhooks of real processes: what `npm start` runs, with receivers that are down, full, elsewhere, gone, or hang. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, repositoryRoot } from '../../infra/stack.ts';
import type { Delivery } from '../../shared/api/webhooks.ts';
import { type Client, createClient } from '../../shared/client/index.ts';
import { present } from '../../shared/lookup.ts';
import { descendants, isAlive, type Product, processOf, startProduct } from '../support/product.ts';
import { answers, type Receiver, startReceiver, verified } from '../support/receiver.ts';

const WORKER = 'dist/worker/main.js';
const linux = process.platform === 'linux' ? false : 'processes are found through /proc';

describe('webhooks of real processes', { skip: linux }, () => {
  let product: Product;
  let client: Client;
  let folder = '';
  let seed = 1;
  const receivers: Receiver[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-webhooks-'));
    const env = { FOURM_THREADS: '1', FOURM_JOB_SLOTS: '1', FOURM_URLS_ALLOW: 'http,loopback' };
    product = await startProduct(folder, { env });
    client = createClient({ baseUrl: product.url });
  });

  after(async () => {
    for (const receiver of receivers) await receiver.close();
    const pids = [product.process.pid ?? 0, ...(await descendants(product.process.pid ?? 0))];
    for (const pid of pids) if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  async function receiverOf(answer?: Receiver['answer']): Promise<Receiver> {
    const receiver = await startReceiver();
    receivers.push(receiver);
    if (answer) receiver.answer = answer;
    return receiver;
  }

  const submit = async (webhook: string): Promise<string> => {
    const inputs = { caption: 'a small red cube' };
    const request = {
      inputs,
      targets: ['depth'],
      outputs: 'tokens' as const,
      seed: seed++,
      webhook,
    };
    return (await client.jobs.submit('generate', request)).id;
  };

  async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
    for (let tries = 0; tries < 1200; tries++) {
      // While a process is replaced there may be no answer.
      if (await Promise.resolve(holds()).catch(() => false)) return;
      await sleep(100);
    }
    assert.fail(`${what} did not come to be within two minutes`);
  }
  async function delivery(
    id: string,
    what: string,
    holds: (delivery: Delivery) => boolean,
  ): Promise<Delivery> {
    let found: Delivery | undefined;
    await until(what, async () => {
      [found] = await client.webhooks.deliveries(id);
      return found !== undefined && holds(found);
    });
    return present(found, 'the delivery');
  }

  test('the example receiver is told, asks for the result, and prints it', async () => {
    const script = join(repositoryRoot, 'examples/webhook-receiver/receiver.mjs');
    const receiver = spawn(process.execPath, [script], {
      env: { PATH: process.env.PATH, PORT: '0', FOURM_URL: product.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    createInterface({ input: receiver.stdout }).on('line', (line) => void lines.push(line));
    try {
      await until('its address', () => lines.length > 0);
      const [address = ''] = /http:\S+/.exec(lines[0] ?? '') ?? [];
      const stranger = await fetch(address, { method: 'POST', body: '{"type":"job.succeeded"}' });
      assert.equal(stranger.status, 400);
      const id = await submit(`${address}/hooks`);
      await until('its line', () => lines.length > 1);
      assert.deepEqual(lines.slice(1), [`job.succeeded ${id} depth`]);
      const told = await delivery(id, 'delivered', ({ status }) => status === 'delivered');
      assert.equal(told.attempts[0]?.status, 204);
    } finally {
      receiver.kill('SIGKILL');
    }
  });

  test('kill -9 of the worker in the midst of a delivery: the next one makes it, with the same id', async () => {
    const receiver = await receiverOf(() => {});
    const id = await submit(receiver.url);
    await until('the first attempt', () => receiver.received.length === 1);
    receiver.answer = answers(200);
    process.kill(await processOf(product.process, WORKER), 'SIGKILL');
    const told = await delivery(id, 'delivered', ({ status }) => status === 'delivered');
    assert.match(told.attempts[0]?.error ?? '', /did not see its end/);
    assert.equal(told.attempts[1]?.status, 200);
    const { secret } = await client.webhooks.secret();
    const [first, second] = receiver.received;
    assert.equal(verified(present(second, 'the second attempt'), secret).data.id, id);
    assert.equal(first?.headers['webhook-id'], second?.headers['webhook-id']);
    assert.equal(first?.body, second?.body);
  });

  test('kill -9 of the worker at any moment: the end of every job is told, by one id', async () => {
    const receiver = await receiverOf();
    const ids: string[] = [];
    for (let kills = 0; kills < 3; kills++) {
      for (let i = 0; i < 4; i++) ids.push(await submit(receiver.url));
      await sleep(Math.random() * 600);
      process.kill(await processOf(product.process, WORKER), 'SIGKILL');
    }
    for (const id of ids) await delivery(id, 'delivered', ({ status }) => status === 'delivered');
    const { secret } = await client.webhooks.secret();
    const told = new Map<string, Set<unknown>>();
    for (const request of receiver.received) {
      const subject = String(verified(request, secret).data.id);
      told.set(subject, (told.get(subject) ?? new Set()).add(request.headers['webhook-id']));
    }
    assert.deepEqual([...told.keys()].toSorted(), ids.toSorted());
    for (const [subject, own] of told) assert.equal(own.size, 1, subject);
  });

  test('receivers that are down, full, elsewhere, gone or silent hold up nobody, and are told when they are well', async () => {
    const once = ({ attempts }: Delivery): boolean => attempts[0]?.duration_ms !== undefined;
    const first = (id: string) => delivery(id, 'a first attempt', once);
    const comes = (id: string) => delivery(id, 'delivered', ({ status }) => status === 'delivered');
    const port = await freePort();
    const full = await receiverOf(answers(429, { 'retry-after': '8' }));
    const elsewhere = await receiverOf(answers(302, { location: 'http://127.0.0.1:1/' }));
    const gone = await receiverOf(answers(410));
    const silent = await receiverOf(() => {});
    const well = await receiverOf();

    const scenarios = {
      async silent() {
        const hung = await first(await submit(silent.url));
        assert.match(hung.attempts[0]?.error ?? '', /more than 20 seconds|too long to answer/);
        assert.equal(hung.status, 'waiting');
      },
      async down() {
        const id = await submit(`http://127.0.0.1:${port}/hook`);
        const down = await first(id);
        assert.deepEqual([down.status, down.attempts[0]?.status], ['waiting', undefined]);
        assert.match(down.attempts[0]?.error ?? '', /does not answer/);
        receivers.push(await startReceiver(port));
        await comes(id);
      },
      async full() {
        const id = await submit(full.url);
        await first(id);
        full.answer = answers(200);
        await comes(id);
        const [refused, again] = full.received;
        assert.ok((again?.at ?? 0) - (refused?.at ?? 0) >= 7900, 'not before it was asked');
      },
      async elsewhere() {
        const id = await submit(elsewhere.url);
        const moved = await first(id);
        assert.match(moved.attempts[0]?.error ?? '', /302; redirects are not followed/);
        elsewhere.answer = answers(200);
        await comes(id);
      },
      async gone() {
        const id = await submit(gone.url);
        const refused = await delivery(id, 'its end', ({ status }) => status === 'failed');
        assert.match(refused.detail ?? '', /410/);
      },
      async well() {
        await until('the silent one is waited for', () => silent.received.length > 0);
        await comes(await submit(well.url));
      },
    };
    await Promise.all(Object.values(scenarios).map((scenario) => scenario()));
    assert.equal(gone.received.length, 1);
  });
});
