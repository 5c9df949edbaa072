import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ResultName } from '../../shared/results/results.ts';
import { createUnwritten, type Unwritten } from '../../shared/results/unwritten.ts';

const nameOf = (id: string): ResultName => ({ scope: 'tenant', id });
const held = (result: string) => ({ result, computed: { at: 0 } });

/** A write that ends when it is told to. */
function startWrite(unwritten: Unwritten, id: string, result = id) {
  let end = (_isStored: boolean): void => {};
  let hasBegun = false;
  const ended = new Promise<boolean>((resolve) => {
    end = resolve;
  });
  const answered = unwritten.write(nameOf(id), held(result), () => {
    hasBegun = true;
    return ended;
  });
  return { answered, end, hasBegun: () => hasBegun };
}

/** Whether a promise is settled when everything that can go on has. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const later = new Promise((resolve) => setTimeout(resolve, 20, 'later'));
  return (await Promise.race([promise, later])) !== 'later';
}

/** One whose last write succeeded. @param pauses milliseconds before further tries at the next */
async function createBelieved(pauses: readonly number[] = []): Promise<Unwritten> {
  const unwritten = createUnwritten(false, pauses);
  const first = startWrite(unwritten, 'first');
  first.end(true);
  assert.equal(await first.answered, true);
  return unwritten;
}

describe('results that are answered while they are written', () => {
  test('the first write is waited for', async () => {
    const { answered, end } = startWrite(createUnwritten(false), 'a');
    assert.equal(await isSettled(answered), false);
    end(true);
    assert.equal(await answered, true);
  });

  test('after a success the next is answered at once, given from memory, and can be waited for', async () => {
    const unwritten = await createBelieved();
    const { answered, end } = startWrite(unwritten, 'a');
    assert.equal(await isSettled(answered), true);
    assert.equal(unwritten.find(nameOf('a'))?.result, 'a');
    assert.equal(unwritten.find({ scope: 'other', id: 'a' }), undefined);
    const settled = unwritten.settle(nameOf('a'));
    const closed = unwritten.close();
    assert.equal(await isSettled(settled), false);
    assert.equal(await isSettled(closed), false);
    end(true);
    assert.equal(await settled, true);
    await closed;
    assert.equal(unwritten.find(nameOf('a')), undefined);
  });

  test('after a failure the next is waited for', async () => {
    const unwritten = await createBelieved();
    const lost = startWrite(unwritten, 'a');
    await lost.answered;
    lost.end(false);
    assert.equal(await unwritten.settle(nameOf('a')), false);
    const { answered, end } = startWrite(unwritten, 'b');
    assert.equal(await isSettled(answered), false);
    end(false);
    assert.equal(await answered, false);
  });

  /** A write that has been answered, of which so many tries fail. */
  async function failing(unwritten: Unwritten, failures: number) {
    let tries = 0;
    const work = async () => ++tries > failures;
    assert.equal(await unwritten.write(nameOf('a'), held('a'), work), true);
    assert.equal(await unwritten.settle(nameOf('a')), failures === 0);
    return () => tries;
  }
  const untilTried = async (tries: () => number, count: number): Promise<void> => {
    while (tries() < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  test('what was answered as stored is tried again until it is, and given from memory meanwhile', async () => {
    const unwritten = await createBelieved([20, 20, 20]);
    const tries = await failing(unwritten, 2);
    assert.equal(unwritten.find(nameOf('a'))?.result, 'a');
    await untilTried(tries, 2);
    assert.equal(unwritten.find(nameOf('a'))?.result, 'a');
    await untilTried(tries, 3);
    assert.equal(await unwritten.settle(nameOf('a')), true);
    assert.equal(await isSettled(unwritten.close()), true);
    assert.equal(unwritten.find(nameOf('a')), undefined);
    assert.equal(tries(), 3);
    const next = startWrite(unwritten, 'b');
    assert.equal(await isSettled(next.answered), true, 'the store is believed again');
    next.end(true);
    await unwritten.close();
  });

  test('tries end: with the last, with a newer result, when it is deleted, and one after the edge closes', async () => {
    const over = await createBelieved([1, 1]);
    const tries = await failing(over, 100);
    await untilTried(tries, 3);
    await over.close();
    assert.deepEqual([tries(), over.find(nameOf('a'))], [3, undefined]);

    const newer = await createBelieved([60_000]);
    const before = await failing(newer, 100);
    const after = startWrite(newer, 'a', 'newer');
    after.end(true);
    assert.equal(await after.answered, true);
    assert.deepEqual([before(), newer.find(nameOf('a'))], [1, undefined]);

    const deleted = await createBelieved([60_000]);
    const lost = await failing(deleted, 100);
    assert.equal(deleted.forget(nameOf('a')), true);
    assert.equal(deleted.forget(nameOf('a')), false);
    await deleted.close();
    assert.equal(lost(), 1);

    const closing = await createBelieved([60_000, 60_000]);
    const last = await failing(closing, 1);
    await closing.close();
    assert.equal(last(), 2);
  });

  test('the seventeenth at once is waited for', async () => {
    const unwritten = await createBelieved();
    const many = Array.from({ length: 17 }, (_, i) => startWrite(unwritten, `of-many-${i}`));
    const answers = await Promise.all(many.map(({ answered }) => isSettled(answered)));
    assert.deepEqual(answers, [...Array<boolean>(16).fill(true), false]);
    for (const { end } of many) end(true);
    await unwritten.close();
  });

  test('two writes of one result follow each other, and the later one is given', async () => {
    const unwritten = await createBelieved();
    const before = startWrite(unwritten, 'a', 'before');
    const after = startWrite(unwritten, 'a', 'after');
    await Promise.all([before.answered, after.answered]);
    assert.equal(await isSettled(unwritten.close()), false);
    assert.deepEqual([before.hasBegun(), after.hasBegun()], [true, false]);
    assert.equal(unwritten.find(nameOf('a'))?.result, 'after');
    before.end(true);
    assert.equal(await isSettled(unwritten.settle(nameOf('a'))), false);
    assert.equal(after.hasBegun(), true);
    after.end(true);
    await unwritten.close();
  });

  test('where every write is waited for, none is answered before', async () => {
    const unwritten = createUnwritten(true);
    const first = startWrite(unwritten, 'a');
    first.end(true);
    await first.answered;
    const { answered, end } = startWrite(unwritten, 'b');
    assert.equal(await isSettled(answered), false);
    assert.equal(unwritten.find(nameOf('b')), undefined);
    end(true);
    assert.equal(await answered, true);
  });
});
