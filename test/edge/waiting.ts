/** Who waits for what: equal requests share one computation, and it stops when nobody waits any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateResponseSchema, progressSchema } from '../../shared/api/generate.ts';
import { readEvents, type ServerSentEvent } from '../../shared/sse.ts';
import { PNG } from '../support/fakeWorker.ts';
import { closedGate, until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

/** @param tellsLeaving whether the edge is told that a caller has gone */
export function waitingTests(f: Fixture, tellsLeaving: boolean): void {
  const leaving = { skip: tellsLeaving ? false : 'the edge is not told that a caller has gone' };
  let seed = 1000;
  const fresh = () => ({ inputs: { caption: 'waiting' }, targets: ['depth'], seed: seed++ });
  const ask = (body: object, accept: string, signal?: AbortSignal) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  const eventsOf = async (answer: Response): Promise<ServerSentEvent[]> => {
    const events: ServerSentEvent[] = [];
    if (answer.body) for await (const event of readEvents(answer.body)) events.push(event);
    return events;
  };

  const FORMS = ['text/event-stream', 'application/json', 'image/png'];
  for (const first of FORMS) {
    test(`equal requests at once are one computation, the first as ${first}`, async () => {
      const open = closedGate(f);
      const body = fresh();
      const before = f.worker.asked.length;
      const answers = [ask(body, first)];
      await until(() => f.worker.asked.length === before + 1, 'the worker was asked');
      answers.push(...[...FORMS, ...FORMS].map((accept) => ask(body, accept)));
      // Streams have begun when their headers are there; the others have had the same time to arrive.
      await Promise.all(answers.filter((_, i) => i % 3 === 1));
      await new Promise((resolve) => setTimeout(resolve, 300));
      open();
      const results = new Set<string>();
      for (const answer of await Promise.all(answers)) {
        assert.equal(answer.status, 200);
        const type = answer.headers.get('content-type') ?? '';
        if (type.startsWith('image/png')) {
          assert.deepEqual(Buffer.from(await answer.arrayBuffer()), PNG);
        } else if (type.startsWith('application/json')) {
          results.add(await answer.text());
        } else {
          const events = await eventsOf(answer);
          assert.equal(events.at(-1)?.event, 'result');
          results.add(events.at(-1)?.data ?? '');
          // Whoever joined has missed the first half, and sees the second.
          const last = events.at(-2);
          assert.equal(progressSchema.parse(JSON.parse(last?.data ?? '')).fraction, 1);
        }
      }
      assert.equal(results.size, 1, 'all saw the same result');
      assert.equal(f.worker.asked.length, before + 1, 'the worker was asked once');
    });
  }

  for (const accept of FORMS) {
    test(`the work stops when the only caller leaves: ${accept}`, leaving, async () => {
      const open = closedGate(f);
      const [asked, gone] = [f.worker.asked.length, f.worker.gone.length];
      const caller = new AbortController();
      const answer = ask(fresh(), accept, caller.signal).then((a) => a.text());
      answer.catch(() => {});
      await until(() => f.worker.asked.length === asked + 1, 'the worker was asked');
      await new Promise((resolve) => setTimeout(resolve, 100));
      caller.abort();
      await until(() => f.worker.gone.length === gone + 1, 'the worker was left');
      open();
    });
  }

  test('the work goes on while one caller is left, and stops with the last', leaving, async () => {
    const open = closedGate(f);
    const body = fresh();
    const [asked, gone] = [f.worker.asked.length, f.worker.gone.length];
    const callers = [new AbortController(), new AbortController()];
    ask(body, 'application/json', callers[0]?.signal).catch(() => {});
    await until(() => f.worker.asked.length === asked + 1, 'the worker was asked');
    // The headers of a stream come when its caller has joined.
    const second = await ask(body, 'text/event-stream', callers[1]?.signal);
    second.text().catch(() => {});
    callers[0]?.abort();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(f.worker.gone.length, gone, 'another still waits');
    const third = await ask(body, 'text/event-stream');
    callers[1]?.abort();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(f.worker.gone.length, gone, 'the third still waits');
    open();
    assert.equal((await eventsOf(third)).at(-1)?.event, 'result');
    assert.equal(f.worker.asked.length, asked + 1);
  });

  test('whoever asks after the last has gone begins anew', leaving, async () => {
    const open = closedGate(f);
    const body = fresh();
    const [asked, gone] = [f.worker.asked.length, f.worker.gone.length];
    const caller = new AbortController();
    ask(body, 'application/json', caller.signal).catch(() => {});
    await until(() => f.worker.asked.length === asked + 1, 'the worker was asked');
    await new Promise((resolve) => setTimeout(resolve, 100));
    caller.abort();
    await until(() => f.worker.gone.length === gone + 1, 'the worker was left');
    const again = ask(body, 'application/json');
    await until(() => f.worker.asked.length === asked + 2, 'the worker was asked again');
    open();
    assert.equal((await again).status, 200);
  });

  test("a deadline is the caller's own: others go on, and nobody left stops the work", async () => {
    const open = closedGate(f);
    const body = fresh();
    const [asked, gone] = [f.worker.asked.length, f.worker.gone.length];
    const patient = ask(body, 'application/json');
    await until(() => f.worker.asked.length === asked + 1, 'the worker was asked');
    const hasty = await ask({ ...body, deadline_ms: 100 }, 'application/json');
    const problem = await problemOf(hasty, 'deadline_exceeded');
    assert.match(problem.detail, /deadline_ms of 100/);
    const events = await eventsOf(await ask({ ...body, deadline_ms: 100 }, 'text/event-stream'));
    assert.equal(events.at(-1)?.event, 'problem');
    assert.equal(JSON.parse(events.at(-1)?.data ?? '').code, 'deadline_exceeded');
    assert.equal(f.worker.gone.length, gone);
    open();
    generateResponseSchema.parse(await (await patient).json());
    assert.equal(f.worker.asked.length, asked + 1);

    const openAgain = closedGate(f);
    // Time enough for the worker to be asked before it is over.
    await problemOf(await ask({ ...fresh(), deadline_ms: 1500 }, '*/*'), 'deadline_exceeded');
    await until(() => f.worker.gone.length === gone + 1, 'the worker was left');
    openAgain();
  });
}
