/**
 * Eight edges that spend one tenant's credit at once, while they are killed and their store fails: what the account says
 * is held against the bare objects of the store and against what the edges have given away.
 */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { balanceOf, grant, outstandingOf } from '../../shared/credit/account.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createClaims } from '../../shared/credit/claims.ts';
import { InsufficientCreditError } from '../../shared/credit/hold.ts';
import { type Charge, createLedger } from '../../shared/credit/ledger.ts';
import { createPurse, type Purse } from '../../shared/credit/purse.ts';
import { reclaim, type SettleServices } from '../../shared/credit/settle.ts';
import type { JobDocument } from '../../shared/jobs/job.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Store } from '../../shared/store/store.ts';
import type { PlacedObject } from '../../shared/store/whole.ts';
import { leasesIn, logsIn } from '../support/creditObjects.ts';
import { EDGES, type Operation, operation } from '../support/creditOperations.ts';
import { type Client, createClient, type Faults } from '../support/faultyStore.ts';
import { fc } from '../support/properties.ts';

const OPERATIONS = 500;
/** With `FOURM_TEST_RUNS=300 FOURM_TEST_SEED=$RANDOM` others, and more of them. */
const RUNS = Number(process.env.FOURM_TEST_RUNS ?? 20);
const TENANT = 'acme';
const LEASE_MILLISECONDS = 30_000;

interface Edge {
  readonly name: string;
  readonly client: Client;
  readonly purse: Purse;
  /** Charges that its callers were given something for, by id: whether they were written or not. */
  readonly given: Map<string, number>;
  /** Of those, what it told as lost. */
  readonly lost: Set<string>;
  /** It ended in order. */
  isClosed: boolean;
}

async function run(operations: readonly Operation[], seed: number): Promise<void> {
  let state = seed >>> 0 || 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  let now = 1_700_000_000_000;
  const objects = new Map<string, PlacedObject>();
  const store = createMemoryStore(() => {}, objects);
  const faults: Faults = { before: 0.05, after: 0.05, slow: 3 };
  const jobs = new Map<string, JobDocument['status']>();
  /** Records that edges wrote for their own leases; others only ever end a lease. */
  const ownRecords = new Set<string>();
  const ledgerOn = (over: Store): SettleServices['ledger'] => {
    const ledger = createLedger(over);
    return {
      ...ledger,
      append(place, number, record) {
        ownRecords.add(record.writer);
        return ledger.append(place, number, record);
      },
    };
  };
  const servicesOn = (over: Store): SettleServices => ({
    accounts: createAccountStore(over, { random, pause: async () => {} }),
    ledger: ledgerOn(over),
    claims: createClaims(over),
    jobs: {
      read: async ({ id }) => {
        const status = jobs.get(id);
        return status && ({ status } as JobDocument);
      },
    },
    now: () => now,
  });
  const written = new Set<string>();
  const writtenWork = new Set<string>();

  const all: Edge[] = [];
  function start(): Edge {
    const name = `edge-${all.length}`;
    const lost = new Set<string>();
    const client = createClient(store, faults, random, () => now);
    const purse = createPurse(servicesOn(client.store), TENANT, {
      holder: name,
      leaseMilliseconds: LEASE_MILLISECONDS,
      // Written when an operation says so.
      gatherMilliseconds: 2 ** 30,
      onLost: ({ id }) => void lost.add(id),
    });
    const edge = { name, client, purse, lost, given: new Map<string, number>(), isClosed: false };
    all.push(edge);
    return edge;
  }
  const edges = Array.from({ length: EDGES }, start);
  const own = servicesOn(store);
  const give = async (sum: number): Promise<void> =>
    void (await own.accounts.change(TENANT, (account) =>
      grant(account, { id: crypto.randomUUID(), amount: sum }),
    ));
  await give(2000);

  let numbered = 0;
  async function spend(operation: Extract<Operation, { amount: number; edge: number }>) {
    const { purse, given } = edges[operation.edge] ?? assert.fail();
    const hold = await purse.hold(operation.amount);
    if (operation.do !== 'stored') for (let i = 0; i < 3; i++) await Promise.resolve();
    if (operation.do === 'failed') return hold.release();
    const id = `charge-${numbered++}`;
    const charge: Charge = {
      ...{ id, at: now, key: 'k', task: 'generate', model: 'm', units: 1, request: 'r' },
      amount: operation.amount,
      ...(operation.do === 'stored' && { cached: true }),
      ...(operation.do === 'job' && { job: `job-${id}` }),
      ...(operation.do === 'again' && { once: { group: 'g', member: String(operation.work) } }),
    };
    const done = hold.commit(charge);
    if (operation.do !== 'job') given.set(id, operation.amount);
    await done;
    written.add(id);
    if (operation.do === 'again') writtenWork.add(String(operation.work));
    if (operation.do === 'job') jobs.set(`job-${id}`, 'processing');
  }
  const tolerated = (error: unknown): void => {
    const isFault =
      error instanceof Error && /^500 |again and again|still|others/.test(error.message);
    if (!isFault && !(error instanceof InsufficientCreditError)) throw error;
  };

  const under: Promise<unknown>[] = [];
  const failures: unknown[] = [];
  const begin = (promise: Promise<unknown>): void => {
    under.push(
      promise.catch((error: unknown) => {
        try {
          tolerated(error);
        } catch (strange) {
          failures.push(strange);
        }
      }),
    );
  };
  for (const operation of operations) {
    switch (operation.do) {
      case 'later':
        now += operation.milliseconds;
        break;
      case 'grant':
        await give(operation.amount);
        break;
      case 'end': {
        const open = [...jobs].find(([, status]) => status === 'processing')?.[0];
        if (open) jobs.set(open, operation.succeeds ? 'succeeded' : 'failed');
        break;
      }
      case 'kill': {
        const { client } = edges[operation.edge] ?? assert.fail();
        client.kill();
        edges[operation.edge] = start();
        break;
      }
      case 'flush':
        begin((edges[operation.edge] ?? assert.fail()).purse.flush());
        break;
      case 'tidy':
        begin((edges[operation.edge] ?? assert.fail()).purse.tidy(false));
        break;
      default:
        begin(spend(operation));
    }
    // Timers that came due, such as those that write what was computed.
    if (random() < 0.3) mock.timers.tick(1);
    if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
  }

  // The faults end; some edges are closed in order, the others are killed.
  Object.assign(faults, { before: 0, after: 0, slow: 0 });
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) {
      mock.timers.tick(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await turns();
  for (const [index, edge] of edges.entries()) {
    if (index % 2 === 0) {
      await edge.purse.flush();
      await edge.purse.tidy(true);
      edge.isClosed = true;
    }
    edge.client.kill();
  }
  await turns();
  for (const [id, status] of jobs) if (status === 'processing') jobs.set(id, 'succeeded');
  now += 3_600_000;
  await reclaim(own, TENANT);
  const account = await reclaim(own, TENANT);
  assert.deepEqual(failures, []);

  // Held against the bare objects.
  const logs = logsIn(objects, TENANT);
  const charges = [...logs.values()].flatMap((log) => log.charges);
  const seen = new Set<string>();
  let sum = 0;
  for (const { id, amount: one, job, once } of charges) {
    assert.ok(!seen.has(id), `${id} is in the ledger twice`);
    seen.add(id);
    if (job !== undefined && jobs.get(job) !== 'succeeded') continue;
    if (once) continue;
    sum += one;
  }
  for (const id of written)
    assert.ok(seen.has(id), `${id} was said to be written and is not there`);
  const repeated = new Map<string, number[]>();
  for (const { once, amount: one } of charges)
    if (once) repeated.set(once.member, [...(repeated.get(once.member) ?? []), one]);
  for (const member of writtenWork) assert.ok(repeated.has(member));
  const [least, most] = [Math.min, Math.max].map((choose) =>
    [...repeated.values()].reduce((all, amounts) => all + choose(...amounts), 0),
  );
  const told = `${account.spent} spent; the ledger says ${sum} and ${least} to ${most} once; ${JSON.stringify(account.leases)}`;
  assert.ok(account.spent >= sum + (least ?? 0), told);
  assert.ok(account.spent <= sum + (most ?? 0), told);
  if ([...repeated.values()].every((amounts) => amounts.length === 1))
    assert.equal(account.spent, sum + (most ?? 0));
  assert.equal(outstandingOf(account), 0, 'everything came back');
  assert.equal(account.leases.length, 0);
  assert.equal(balanceOf(account) + account.spent, account.granted);
  assert.ok(account.spent <= account.granted, 'never oversold');

  // What was given away and never charged: of each edge at most what its leases had left when others ended them.
  const leases = leasesIn(objects, TENANT);
  for (const edge of all) {
    for (const id of edge.lost) assert.ok(!seen.has(id), `${id} was told as lost and is charged`);
    const free = [...edge.given].filter(([id]) => !seen.has(id));
    if (edge.isClosed)
      for (const [id] of free) assert.ok(edge.lost.has(id), `${id} was lost in silence`);
    let bound = 0;
    for (const { id, holder, amount } of leases.values()) {
      const log = logs.get(id);
      const isOwn = log?.endedBy !== undefined && ownRecords.has(log.endedBy);
      if (holder !== edge.name || isOwn) continue;
      bound += amount - (log?.charges ?? []).reduce((total, charge) => total + charge.amount, 0);
    }
    const sumFree = free.reduce((total, [, one]) => total + one, 0);
    assert.ok(sumFree <= bound, `${edge.name} gave away ${sumFree}, and its leases had ${bound}`);
  }
}

test('eight edges under kills and faults: nothing oversold, nothing lost, every charge in the ledger once', async (t) => {
  // So that equal seeds are equal runs: nothing waits for a clock.
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 });
  t.after(() => mock.timers.reset());
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: OPERATIONS, maxLength: OPERATIONS, size: 'max' }),
      fc.integer({ min: 1, max: 2 ** 31 }),
      run,
    ),
    {
      numRuns: RUNS,
      endOnFailure: true,
      // 500 operations tell nobody anything: the seed does.
      reporter({ failed, seed, errorInstance: error }) {
        if (failed) throw new Error(`with the seed ${seed}: ${error}`, { cause: error });
      },
    },
  );
});
