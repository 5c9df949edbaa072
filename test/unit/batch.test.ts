/** The statuses of a batch, held against a reference machine that is a table, by random sequences of changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchStatus } from '../../shared/api/batches.ts';
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import {
  type BatchDocument,
  batchDocumentSchema,
  begin,
  createBatch,
  expire,
  failBatch,
  finalize,
  isEnded,
  isStalled,
  MOST_STALLS,
  release,
  requestCancel,
  settle,
} from '../../shared/batches/batch.ts';
import { fc } from '../support/properties.ts';

type Change = 'begin' | 'release' | 'cancel' | 'finalize' | 'settle' | 'expire' | 'fail';

const open = ['validating', 'in_progress', 'finalizing', 'cancelling'] as const;
const same = Object.fromEntries(open.map((status) => [status, status]));
/** What each change leads to, by the status it meets; what is not here is refused. */
const TABLE: Readonly<Record<Change, Partial<Record<BatchStatus, BatchStatus>>>> = {
  begin: { ...same, validating: 'in_progress' },
  release: same,
  cancel: { validating: 'cancelling', in_progress: 'cancelling' },
  finalize: { in_progress: 'finalizing' },
  settle: { finalizing: 'completed', cancelling: 'cancelled' },
  expire: { validating: 'expired', in_progress: 'expired' },
  fail: Object.fromEntries(open.map((status) => [status, 'failed'])),
};

const description = () => ({
  id: BATCH_IDS.create(1000),
  tenant: 'default',
  window: '24h',
  request_id: 'r',
  lines: 5,
  bytes: 100,
  pieces: [1, 4],
});
const counts = { completed: 3, failed: 2 };

interface Model {
  status: BatchStatus;
  isHeld: boolean;
  attempts: number;
  stalls: number;
  reached: number;
  writes: number;
}
interface Real {
  batch: BatchDocument;
  now: number;
}

function apply(change: Change, done: number, { batch, now }: Real): BatchDocument | undefined {
  switch (change) {
    case 'begin':
      return begin(batch, { worker: 'w1', until: now + 1 }, done, now);
    case 'release':
      return release(batch, now);
    case 'cancel':
      return requestCancel(batch, now);
    case 'finalize':
      return finalize(batch, now);
    case 'settle':
      return settle(batch, counts, now);
    case 'expire':
      return expire(batch, counts, now);
    case 'fail':
      return failBatch(batch, { code: 'internal', detail: 'it broke' }, counts, now);
  }
}

class ChangeCommand implements fc.Command<Model, Real> {
  readonly change: Change;
  readonly done: number;
  constructor(change: Change, done: number) {
    this.change = change;
    this.done = done;
  }
  check = (): boolean => true;
  toString = (): string => `${this.change} ${this.done}`;
  run(model: Model, real: Real): void {
    const before = JSON.stringify(real.batch);
    real.now++;
    const next = apply(this.change, this.done, real);
    assert.equal(JSON.stringify(real.batch), before, 'a change leaves what it is given alone');
    let expected = TABLE[this.change][model.status];
    if (this.change === 'release' && !model.isHeld) expected = undefined;
    assert.equal(next?.status, expected);
    if (!next || expected === undefined) return;
    if (this.change === 'begin') {
      model.stalls = this.done > model.reached ? 1 : model.stalls + 1;
      model.reached = this.done;
      model.attempts++;
    }
    if (this.change === 'release') model.stalls = Math.max(0, model.stalls - 1);
    const isEnd = ['completed', 'failed', 'expired', 'cancelled'].includes(expected);
    model.isHeld = this.change === 'begin' || (model.isHeld && this.change !== 'release' && !isEnd);
    model.status = expected;
    model.writes++;
    real.batch = batchDocumentSchema.parse(JSON.parse(JSON.stringify(next)));
    assert.deepEqual(real.batch, next, 'a document is what it is after it was stored');
    assert.equal(isEnded(next), isEnd);
    assert.equal(next.revision, 1 + model.writes, 'each change is the next revision');
    assert.equal(next.holder !== undefined, model.isHeld);
    assert.deepEqual(next.counts, isEnd ? counts : undefined);
    assert.equal(next.attempts, model.attempts);
    assert.equal(isStalled(next), model.stalls > MOST_STALLS);
    assert.ok((next.since[expected] ?? 0) <= real.now);
    assert.equal(next.failure !== undefined, expected === 'failed');
  }
}

test('every sequence of changes does what the table says, and nothing leaves an end', () => {
  const commands = (Object.keys(TABLE) as Change[]).map((change) =>
    fc.integer({ min: 0, max: 2 }).map((done) => new ChangeCommand(change, done)),
  );
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 60 }), (run) => {
      const batch = createBatch(description(), 1000, 500);
      const { status, attempts, stalls, reached } = batch;
      fc.modelRun(
        () => ({
          model: { status, attempts, stalls, reached, isHeld: false, writes: 0 },
          real: { batch, now: 1000 },
        }),
        run,
      );
    }),
    { numRuns: 500 },
  );
});

test('a batch that is begun again and again without another piece is stalled; one that goes on is not', () => {
  let stuck = createBatch(description(), 1000, 500);
  let going = stuck;
  for (let attempt = 1; attempt <= MOST_STALLS + 1; attempt++) {
    const holder = { worker: 'w1', until: 2000 };
    stuck = begin(stuck, holder, 0, 1000) ?? assert.fail();
    going = begin(going, holder, attempt, 1000) ?? assert.fail();
    assert.equal(isStalled(stuck), attempt > MOST_STALLS);
    assert.equal(isStalled(going), false);
  }
});

test('ids sort by time, the newest first, and lie behind the place of their time', () => {
  const ids = [3000, 2000, 1000].map(BATCH_IDS.create);
  assert.deepEqual([...ids].sort(), ids);
  assert.deepEqual(ids.map(BATCH_IDS.timeOf), [3000, 2000, 1000]);
  const place = BATCH_IDS.before(2000);
  assert.deepEqual(
    ids.map((id) => id > place),
    [false, true, true],
  );
});
