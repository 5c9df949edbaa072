/** The states of an event, held against a reference machine that is a table, by random sequences of changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeliveryStatus } from '../../shared/api/webhooks.ts';
import {
  type Answer,
  claim,
  createEvent,
  dismiss,
  type EventDocument,
  eventDocumentSchema,
  INTERRUPTED,
  isSettled,
  KEPT_ATTEMPTS,
  redeliver,
  release,
  settle,
} from '../../shared/webhooks/event.ts';
import { MOST_TRIES, RETRY_SECONDS, readRetryAfter } from '../../shared/webhooks/retries.ts';
import { fc } from '../support/properties.ts';

const described = () => ({
  id: `msg_${'0'.repeat(32)}`,
  tenant: 'default',
  subject: 'job_1',
  type: 'job.succeeded' as const,
  url: 'https://receiver.example/hook',
  body: '{}',
});
const holder = (now: number, worker = 'w1') => ({ worker, until: now + 1000 });
const refused: Answer = { is: 'refused', status: 500, error: 'the receiver answered 500' };

/** The delays of the specification's example schedule, in its own units: hours, minutes and seconds. */
const SPECIFICATION =
  '00:00:05 00:05:05 00:35:05 02:35:05 07:35:05 17:35:05 31:35:05 51:35:05 75:35:05'.split(' ');

test('a receiver that always fails is tried by the times of the specification, and then no more', () => {
  let event: EventDocument | undefined = createEvent(described(), 0);
  const begun: number[] = [];
  let now = 0;
  while (event && !isSettled(event)) {
    now = event.due;
    event = claim(event, holder(now), now);
    assert.ok(event);
    begun.push(now);
    event = settle(event, refused, now, 0);
  }
  const seconds = SPECIFICATION.map((time) => {
    const [h = 0, m = 0, s = 0] = time.split(':').map(Number);
    return (h * 60 + m) * 60 + s;
  });
  assert.deepEqual(
    begun.map((at) => at / 1000),
    [0, ...seconds],
  );
  assert.equal(event?.status, 'failed');
  assert.equal(event?.attempts.length, 10);
  assert.match(event?.detail ?? '', /10 attempts have failed/);
});

test('random is added to a wait, and nothing taken from it; a receiver may ask for a longer one', () => {
  const at = (tries: number, random: number, retryAfterSeconds?: number): number => {
    const event = { ...createEvent(described(), 0), tries, status: 'delivering' as const };
    const answer = {
      ...refused,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    } as Answer;
    return (settle(event, answer, 0, random)?.due ?? Number.NaN) / 1000;
  };
  for (const [index, seconds] of RETRY_SECONDS.entries()) {
    assert.equal(at(index + 1, 0), seconds);
    assert.ok(at(index + 1, 0.999) > seconds && at(index + 1, 0.999) < 1.21 * seconds);
  }
  assert.equal(at(1, 0, 120), 120);
  assert.equal(at(3, 0, 120), 1800, 'the schedule is longer');
});

test('Retry-After is seconds or a date, and never more than a day', () => {
  const now = Date.parse('2026-11-27T12:00:00Z');
  assert.equal(readRetryAfter('120', now), 120);
  assert.equal(readRetryAfter(' 0 ', now), 0);
  assert.equal(readRetryAfter('Fri, 27 Nov 2026 12:01:30 GMT', now), 90);
  assert.equal(readRetryAfter('Fri, 27 Nov 2026 11:00:00 GMT', now), 0);
  assert.equal(readRetryAfter('9999999999', now), 86_400);
  for (const no of [undefined, '', 'soon', '-5', '1.5', '99999999999', 'Blursday'])
    assert.equal(readRetryAfter(no, now), undefined, no);
});

type Change =
  | 'claim'
  | 'rob'
  | 'accept'
  | 'refuse'
  | 'give up'
  | 'release'
  | 'dismiss'
  | 'redeliver';
type State = DeliveryStatus;

/** What each change leads to, by the state it meets; what is not here is refused. */
const TABLE: Readonly<Record<Change, Partial<Record<State, State>>>> = {
  claim: { waiting: 'delivering' },
  // By another worker, when the one that has it is not believed to live any more.
  rob: { waiting: 'delivering', delivering: 'delivering' },
  accept: { delivering: 'delivered' },
  refuse: { delivering: 'waiting' },
  'give up': { delivering: 'failed' },
  release: { delivering: 'waiting' },
  dismiss: { waiting: 'failed' },
  redeliver: { waiting: 'waiting', delivered: 'waiting', failed: 'waiting' },
};

interface Model {
  status: State;
  tries: number;
  attempts: number;
  writes: number;
}
interface Real {
  event: EventDocument;
  now: number;
}
const APPLY: Readonly<
  Record<Change, (event: EventDocument, now: number) => EventDocument | undefined>
> = {
  claim: (event, now) => claim(event, holder(now, `w${event.revision}`), now),
  rob: (event, now) => claim(event, holder(now, `w${event.revision}`), now),
  accept: (event, now) => settle(event, { is: 'accepted', status: 204 }, now, 0),
  refuse: (event, now) => settle(event, refused, now, 0),
  'give up': (event, now) => settle(event, { is: 'hopeless', error: 'gone', status: 410 }, now, 0),
  release,
  dismiss: (event, now) => dismiss(event, 'the address takes no more', now),
  redeliver,
};

class ChangeCommand implements fc.Command<Model, Real> {
  readonly change: Change;
  constructor(change: Change) {
    this.change = change;
  }
  check = (): boolean => true;
  toString = (): string => this.change;
  run(model: Model, real: Real): void {
    // Every wait is over, and, for another worker, every lease.
    real.now = Math.max(real.now + 1, real.event.due);
    if (this.change === 'rob') real.now = Math.max(real.now, real.event.holder?.until ?? 0);
    else if (real.event.holder) real.now = Math.min(real.now, real.event.holder.until - 1);
    const before = JSON.stringify(real.event);
    const next = APPLY[this.change](real.event, real.now);
    assert.equal(JSON.stringify(real.event), before, 'a change leaves what it is given alone');
    let expected = TABLE[this.change][model.status];
    const isLast = model.tries === MOST_TRIES;
    if ((this.change === 'refuse' || this.change === 'rob') && isLast && expected)
      expected = 'failed';
    if (this.change === 'claim' && isLast && expected) expected = 'failed';
    assert.equal(next?.status, expected);
    if (!next || expected === undefined) return;
    const wasUnderWay = model.status === 'delivering';
    model.status = expected;
    model.writes++;
    if (expected === 'delivering') {
      model.tries++;
      model.attempts++;
    }
    if (this.change === 'release') model.tries--;
    if (this.change === 'redeliver') model.tries = 0;
    real.event = eventDocumentSchema.parse(JSON.parse(JSON.stringify(next)));
    assert.deepEqual(real.event, next, 'a document is what it is after it was stored');
    assert.equal(next.revision, 1 + model.writes, 'each change is the next revision');
    assert.equal(next.tries, model.tries);
    assert.ok(next.tries >= 0 && next.tries <= MOST_TRIES);
    assert.equal(next.attempts.length, Math.min(model.attempts, KEPT_ATTEMPTS));
    assert.equal(next.holder !== undefined, expected === 'delivering');
    assert.equal(next.detail !== undefined, expected === 'failed');
    assert.equal(isSettled(next), expected === 'delivered' || expected === 'failed');
    if (this.change === 'rob' && wasUnderWay) {
      const broken = next.attempts.at(expected === 'failed' ? -1 : -2);
      assert.equal(broken?.error, INTERRUPTED);
    }
    if (expected === 'delivering')
      assert.equal(claim(next, holder(real.now, 'another'), real.now), undefined, 'one at a time');
  }
}

test('every sequence of changes does what the table says, and no end is left but when asked', () => {
  const commands = (Object.keys(TABLE) as Change[]).map((change) =>
    fc.constant(new ChangeCommand(change)),
  );
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 120, size: 'max' }), (run) => {
      const event = createEvent(described(), 1000);
      fc.modelRun(
        () => ({
          model: { status: event.status, tries: 0, attempts: 0, writes: 0 },
          real: { event, now: 1000 },
        }),
        run,
      );
    }),
    { numRuns: 500 },
  );
});

test('an event that is not due is left alone', () => {
  const event = { ...createEvent(described(), 1000), due: 5000 };
  assert.equal(claim(event, holder(4999), 4999), undefined);
  assert.equal(claim(event, holder(5000), 5000)?.status, 'delivering');
});

test('a worker that is started anew in its place takes its own attempt up at once', () => {
  const begun = claim(createEvent(described(), 0), { worker: 'w1', until: 9000 }, 0);
  assert.ok(begun);
  assert.equal(claim(begun, holder(10, 'w2'), 10), undefined);
  const again = claim(begun, holder(10, 'w1'), 10);
  assert.deepEqual(
    again?.attempts.map(({ at, error }) => [at, error]),
    [
      [0, INTERRUPTED],
      [10, undefined],
    ],
  );
});
