/** Whose turn it is: shares of time by weight, evenly between tenants, and nobody starves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurns, type Waiting } from '../../worker/batching/turns.ts';

/** Serves for so many turns of 10 ms, with all of them always waiting; how often each was served. */
function served(waiting: readonly Waiting[], turns: number): Map<Waiting, number> {
  const order = createTurns();
  const counts = new Map(waiting.map((one) => [one, 0]));
  let now = 0;
  let all = [...waiting];
  const original = new Map(waiting.map((one) => [one, one]));
  for (let turn = 0; turn < turns; turn++) {
    const next = order.next(all);
    const first = original.get(next)!;
    counts.set(first, counts.get(first)! + 1);
    order.charge(next, 10);
    now++;
    const again = { ...next, since: now };
    original.set(again, first);
    all = all.map((one) => (one === next ? again : one));
  }
  return counts;
}

const one = (priority: Waiting['priority'], tenant: string, since = 0): Waiting => ({
  priority,
  tenant,
  since,
});

test('interactive work gets eight turns for one of batch work', () => {
  const [interactive, batch] = [one('interactive', 'a'), one('batch', 'a')];
  const counts = served([interactive, batch], 90);
  assert.ok(Math.abs(counts.get(interactive)! - 80) <= 1, String(counts.get(interactive)));
  assert.ok(Math.abs(counts.get(batch)! - 10) <= 1, String(counts.get(batch)));
});

test('a tenant with many requests gets no more than one with few', () => {
  const many = Array.from({ length: 9 }, () => one('interactive', 'many'));
  const few = one('interactive', 'few');
  const counts = served([...many, few], 100);
  assert.ok(Math.abs(counts.get(few)! - 50) <= 1, String(counts.get(few)));
  for (const own of many) assert.ok(counts.get(own)! >= 5, 'its requests take turns');
});

test('who was away does not save up turns, nor do others hold it back', () => {
  const turns = createTurns();
  const busy = one('interactive', 'busy');
  for (let i = 0; i < 100; i++) turns.charge(turns.next([busy]), 10);
  const back = one('interactive', 'back', 1000);
  const order = Array.from({ length: 10 }, () => {
    const next = turns.next([busy, back]);
    turns.charge(next, 10);
    return next.tenant;
  });
  assert.equal(order.filter((tenant) => tenant === 'back').length, 5, order.join());
});

test('of equals the one that has waited longest is next', () => {
  const turns = createTurns();
  const [late, early] = [one('batch', 'a', 5), one('batch', 'a', 2)];
  assert.equal(turns.next([late, early]), early);
});
