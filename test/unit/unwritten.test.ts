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

/** One whose last write succeeded. */
async function createBelieved(): Promise<Unwritten> {
  const unwritten = createUnwritten(false);
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
