/** The states of a job, held against a reference machine that is a table, by random sequences of  */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJobId, isJobId, timeOfJobId } from '../../shared/api/jobId.ts';
import { JOB_STATUSES, type JobStatus } from '../../shared/api/jobs.ts';
import type { Failure } from '../../shared/api/problem.ts';
import {
  advance,
  cancel,
  createDoneJob,
  createJob,
  fail,
  isFinal,
  type JobDocument,
  jobDocumentSchema,
  MOST_ATTEMPTS,
  postpone,
  retry,
  start,
  succeed,
} from '../../shared/jobs/job.ts';
import { describedJob } from '../support/describedJob.ts';
import { fc } from '../support/properties.ts';

type Change = 'start' | 'advance' | 'postpone' | 'retry' | 'succeed' | 'fail' | 'cancel';

/** What each change leads to, by the state it meets; what is not here is refused. */
const TABLE: Readonly<Record<Change, Partial<Record<JobStatus, JobStatus>>>> = {
  start: { queued: 'starting', starting: 'starting', processing: 'starting' },
  advance: { starting: 'processing' },
  postpone: { starting: 'queued', processing: 'queued' },
  retry: { starting: 'queued', processing: 'queued' },
  succeed: { queued: 'succeeded', starting: 'succeeded', processing: 'succeeded' },
  fail: { queued: 'failed', starting: 'failed', processing: 'failed' },
  cancel: { queued: 'canceled', starting: 'canceled', processing: 'canceled' },
};
const FAILURE: Failure = { code: 'internal', detail: 'it broke' };

interface Model {
  status: JobStatus;
  attempts: number;
  writes: number;
  failed: boolean;
}
interface Real {
  job: JobDocument;
  now: number;
}

const APPLY: Readonly<Record<Change, (job: JobDocument, now: number) => JobDocument | undefined>> =
  {
    start: (job, now) => start(job, { worker: 'w1', until: now + 1 }, now),
    advance,
    postpone,
    retry: (job, now) => retry(job, FAILURE, now),
    succeed,
    fail: (job, now) => fail(job, FAILURE, now),
    cancel,
  };

class ChangeCommand implements fc.Command<Model, Real> {
  readonly change: Change;
  constructor(change: Change) {
    this.change = change;
  }
  check = (): boolean => true;
  toString = (): string => this.change;
  run(model: Model, real: Real): void {
    const before = JSON.stringify(real.job);
    const next = APPLY[this.change](real.job, ++real.now);
    assert.equal(JSON.stringify(real.job), before, 'a change leaves what it is given alone');
    let expected = TABLE[this.change][model.status];
    const isUsedUp = model.attempts >= MOST_ATTEMPTS;
    if ((this.change === 'start' || this.change === 'retry') && isUsedUp) expected = undefined;
    assert.equal(next?.status, expected);
    if (!next || expected === undefined) return;
    model.status = expected;
    model.writes++;
    if (this.change === 'start') model.attempts++;
    if (this.change === 'postpone') model.attempts--;
    if (this.change === 'retry' || this.change === 'fail') model.failed = true;
    if (this.change === 'succeed' || this.change === 'cancel') model.failed = false;
    real.job = jobDocumentSchema.parse(JSON.parse(JSON.stringify(next)));
    assert.deepEqual(real.job, next, 'a document is what it is after it was stored');
    const isEnd = ['succeeded', 'failed', 'canceled'].includes(expected);
    assert.equal(isFinal(next), isEnd);
    assert.equal(next.completed, isEnd ? real.now : undefined);
    assert.equal(next.updated, real.now);
    assert.equal(next.revision, 1 + model.writes, 'each change is the next revision');
    assert.equal(next.attempts, model.attempts);
    assert.equal(next.failure !== undefined, model.failed);
    assert.ok(next.attempts >= 0 && next.attempts <= MOST_ATTEMPTS);
  }
}

test('every sequence of changes does what the table says, and nothing leaves an end', () => {
  const commands = (Object.keys(TABLE) as Change[]).map((change) =>
    fc.constant(new ChangeCommand(change)),
  );
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 40 }), (run) => {
      const job = createJob(describedJob(), 1000);
      fc.modelRun(
        () => ({
          model: { status: job.status, attempts: 0, writes: 0, failed: false },
          real: { job, now: 1000 },
        }),
        run,
      );
    }),
    { numRuns: 500 },
  );
});

test('a job has its deadline from its beginning, or a day', () => {
  assert.equal(createJob(describedJob(), 1000, 500).expires, 1500);
  assert.equal(createJob(describedJob(), 1000).expires, 1000 + 24 * 3_600_000);
  const done = createDoneJob(describedJob(), 1000);
  assert.deepEqual([done.status, done.completed, done.revision], ['succeeded', 1000, 1]);
  assert.ok(JOB_STATUSES.includes(done.status));
});

test('ids sort by time, the newest first, and tell it', () => {
  fc.assert(
    fc.property(fc.nat(4e12), fc.nat(1e9), (early, later) => {
      const [one, other] = [createJobId(early), createJobId(early + later + 1)];
      assert.ok(isJobId(one) && isJobId(other));
      assert.ok(other < one);
      assert.equal(timeOfJobId(one), early);
    }),
  );
  for (const no of ['', 'job_', 'job_../../etc/passwd/////', `job_${'A'.repeat(21)}`])
    assert.equal(isJobId(no), false);
});
