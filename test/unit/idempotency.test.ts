/** Requests that carry an Idempotency-Key, over time: how long an answer is kept, and who takes over from one who died. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Claimed,
  claimRequest,
  LEASE_MILLISECONDS,
} from '../../shared/idempotency/records.ts';
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
  const store = { ...createMemoryStore(), now: () => now };
  return {
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
