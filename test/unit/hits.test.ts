/** What is remembered of requests that come again keeps no result alive: those have a bound of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Answer } from '../../edge/compute/compute.ts';
import { createHits, type Hits } from '../../edge/compute/hits.ts';
import type { Wish } from '../../edge/compute/task.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

interface Result {
  readonly outputs: object;
}
const wish = { key: { id: 'a' }, models: [] } as unknown as Wish;
const answerOf = (result: Result): Answer<Result> => ({
  ...{ result, cacheStatus: 'fourm-edge; hit', ageSeconds: 1 },
  computed: { at: 5, requestId: 'r' },
});

/** Remembers what was made of a result that nobody else holds. */
function rememberOne(hits: Hits<Result>): WeakRef<object> {
  const outputs = { depth: 'a long picture' };
  const answer = answerOf({ outputs });
  const seen = { ...answer, result: { outputs, computed: {} }, provenance: {} };
  hits.remember(wish, answer, { seen, work: { model: undefined, units: 1 } });
  assert.equal(hits.find(wish, answer)?.seen, seen);
  return new WeakRef(outputs);
}

test('a request that is remembered does not keep its result', async () => {
  const hits = createHits<Result>();
  const kept = rememberOne(hits);
  for (let round = 0; round < 10 && kept.deref(); round++) {
    await turn();
    collect();
  }
  assert.equal(kept.deref(), undefined);
  assert.equal(hits.find(wish, answerOf({ outputs: {} })), undefined);
});

test('a result that is held is found, by each of the requests that want it', () => {
  const hits = createHits<Result>();
  const answer = answerOf({ outputs: {} });
  const other = { ...wish, key: { id: 'b' } } as unknown as Wish;
  const work = { model: undefined, units: 1 };
  const [first, second] = [wish, other].map((own) => {
    const seen = { ...answer, provenance: {} };
    hits.remember(own, answer, { seen, work });
    return seen;
  });
  assert.equal(hits.find(wish, answer)?.seen, first);
  assert.equal(hits.find(other, answer)?.seen, second);
  assert.equal(hits.find({ ...wish, models: [] }, answer), undefined, 'models of another moment');
  const anew = { ...answer, computed: { ...answer.computed, at: 6 } };
  assert.equal(hits.find(wish, anew), undefined, 'computed at another time');
});
