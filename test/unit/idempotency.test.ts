/** Requests that carry an Idempotency-Key, over time: how long an answer is kept, and who takes over from one who died. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Claimed,
  claimRequest,
  LEASE_MILLISECONDS,
} from '../../shared/idempotency/records.ts';
import { sweepRequests, sweepSometimes } from '../../shared/idempotency/sweep.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';

const HOUR = 3_600_000;
const REQUEST = {
  tenant: 'acme',
  method: 'POST',
  path: '/v1/generate',
  key: 'the-same',
  fingerprint: 'what was asked',
};

function world() {
  let now = 1_700_000_000_000;
  const objects = new Map();
  const store = { ...createMemoryStore(undefined, objects), now: () => now };
  return {
    sweep: () => sweepRequests(store),
    kept: (): number => objects.size,
    claim: (more: Partial<typeof REQUEST> = {}): Promise<Claimed> =>
      claimRequest(store, { ...REQUEST, ...more }, (line) => assert.fail(line)),
    later: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

async function workOf(claiming: Promise<Claimed>) {
  const claimed = await claiming;
  assert.ok(claimed.state === 'claimed', claimed.state);
  return claimed.claim;
}
const answer = { status: 200, headers: {}, body: new Uint8Array([7]) };

test('an answer is kept for 24 hours after its request came, and then the work is done anew', async () => {
  const { claim, later } = world();
  await (await workOf(claim())).finish(answer);
  later(24 * HOUR - 1);
  const kept = await claim();
  assert.deepEqual(kept.state === 'done' && kept.answer, answer);
  assert.equal((await claim({ fingerprint: 'another' })).state, 'other_request');
  later(1);
  // A name that has expired may be used for another request.
  const anew = await workOf(claim({ fingerprint: 'another' }));
  await anew.finish({ ...answer, status: 202 });
  const next = await claim({ fingerprint: 'another' });
  assert.equal(next.state === 'done' && next.answer.status, 202);
});

test('each tenant, method, path and key is a name of its own', async () => {
  const { claim } = world();
  await (await workOf(claim())).finish(answer);
  for (const other of [{ tenant: 'b' }, { method: 'PUT' }, { path: '/v1/embed' }, { key: 'x' }])
    await workOf(claim({ ...other, fingerprint: 'another' }));
});

test('whoever is at the work is believed to live as long as he says so; then another takes it', async () => {
  const { claim, later } = world();
  const first = await workOf(claim());
  later(LEASE_MILLISECONDS - 1);
  assert.equal((await claim()).state, 'running');
  await first.renew();
  later(LEASE_MILLISECONDS - 1);
  assert.equal((await claim()).state, 'running');
  later(1);
  const second = await workOf(claim());
  assert.equal(second.work, first.work, 'it is charged once');
  // The first was only slow: what it says now changes nothing.
  await first.finish({ ...answer, status: 201 });
  await first.release();
  assert.equal((await claim()).state, 'running');
  await second.finish(answer);
  const done = await claim();
  assert.equal(done.state === 'done' && done.answer.status, 200);
});

test('what is kept no longer is removed, whole; what is kept, or under way, stays', async () => {
  const { claim, later, sweep, kept } = world();
  for (const tenant of ['acme', 'b'])
    for (const key of ['one', 'two']) await (await workOf(claim({ tenant, key }))).finish(answer);
  later(24 * HOUR - 1);
  await (await workOf(claim({ key: 'young' }))).finish(answer);
  const slow = await workOf(claim({ key: 'slow' }));
  await sweep();
  assert.equal(kept(), 11, 'records and bodies');
  assert.equal((await claim({ key: 'one' })).state, 'done');
  later(1);
  await sweep();
  assert.equal(kept(), 3);
  assert.equal((await claim({ key: 'young' })).state, 'done');
  later(24 * HOUR - 2);
  await slow.renew();
  later(2);
  await sweep();
  assert.equal((await claim({ key: 'slow' })).state, 'claimed', 'after its day a name is free');
  await slow.release();
  later(LEASE_MILLISECONDS);
  await sweep();
  assert.equal((await claim({ key: 'young' })).state, 'claimed');
});

test('a store is looked through once in a while, and a bucket is left to its rules', async () => {
  const listed: string[] = [];
  let now = 1_700_000_000_000;
  const storeOf = (kind: 'disk' | 's3') => {
    const list = async (prefix: string) => {
      listed.push(`${kind} ${prefix}`);
      return { keys: [] };
    };
    return { ...createMemoryStore(), kind, list, now: () => now };
  };
  const [disk, bucket] = [storeOf('disk'), storeOf('s3')];
  const look = (): void => {
    for (const store of [disk, bucket]) sweepSometimes(store, (line) => assert.fail(line));
  };
  look();
  look();
  assert.deepEqual(listed, ['disk idempotency/']);
  now += HOUR;
  look();
  assert.equal(listed.length, 2);
});
