/** Runs that find no memory: repeated with fewer rows, with the results of all rows at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOutOfMemory, runInParts } from '../../worker/session/outOfMemory.ts';
import { SessionError, type Tensor, ThreadEndedError } from '../../worker/session/types.ts';
import { decodeMany } from '../../worker/tasks/decodeTokens.ts';
import { fakeModel, fakeTokenizer } from '../support/publishedModel.ts';

/** As onnxruntime 1.30 says it, with what the session puts before it. */
const noMemory = (): SessionError =>
  new SessionError(
    'graph tok_depth/decoder: run failed: Non-zero status code returned while running Conv node. ' +
      "Name:'/conv' Status Message: Failed to allocate memory for requested buffer of size 1073741824",
  );

describe('a run without memory', () => {
  test('is told by the words of the runtime, not by any other failure', () => {
    assert.ok(isOutOfMemory(noMemory()));
    for (const words of [
      'std::bad_alloc',
      'CUDA failure 2: out of memory ; GPU=0',
      'CUBLAS_STATUS_ALLOC_FAILED',
    ])
      assert.ok(isOutOfMemory(new SessionError(`graph g: run failed: ${words}`)), words);
    assert.ok(!isOutOfMemory(new SessionError('graph g: input ids is missing')));
    assert.ok(!isOutOfMemory(new ThreadEndedError('the model is closed')));
    assert.ok(!isOutOfMemory(new Error('out of memory')));
  });

  test('is halved until its parts fit, and every row is run once with success', async () => {
    for (const [count, limit] of [
      [8, 3],
      [7, 1],
      [5, 5],
      [1, 1],
    ] as const) {
      const sizes: number[] = [];
      const rows = Array.from({ length: count }, (_, i) => i);
      const answers = await runInParts(rows, async (part) => {
        if (part.length > limit) throw noMemory();
        sizes.push(part.length);
        return part.map((row) => `answer ${row}`);
      });
      assert.deepEqual(
        answers,
        rows.map((row) => `answer ${row}`),
      );
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        count,
      );
    }
  });

  test('fails where a single row has no memory, and at once for another reason', async () => {
    let runs = 0;
    const fails = (error: Error) => async (): Promise<string[]> => {
      runs++;
      throw error;
    };
    await assert.rejects(runInParts([1, 2], fails(noMemory())), /Failed to allocate memory/);
    assert.equal(runs, 2, 'both, and then the first alone');
    runs = 0;
    await assert.rejects(runInParts([1, 2], fails(new SessionError('broken'))), /broken/);
    assert.equal(runs, 1);
  });
});

test('a tokenizer decodes samples in as many runs as memory asks for, with the same values', async () => {
  const runs: number[] = [];
  const decoder = (limit: number) => (feeds: Readonly<Record<string, Tensor>>) => {
    const ids = feeds.ids as Tensor;
    const [rows = 0] = ids.dims;
    runs.push(rows);
    if (rows > limit) throw noMemory();
    const data = Float32Array.from(ids.data as BigInt64Array, (id) => Number(id) / 7);
    return { values: { type: 'float32' as const, dims: [rows, 1, 14, 14], data } };
  };
  const decode = async (limit: number) => {
    const tokenizer = fakeTokenizer({ dec_type: 'vit_b_dec' }, { decode: decoder(limit) });
    const { loaded } = fakeModel({ tok_depth: tokenizer });
    const samples = Array.from({ length: 6 }, (_, sample) => ({
      sample,
      ids: Array.from({ length: 196 }, (_, i) => sample * 1000 + i),
    }));
    return await decodeMany(samples, 'tok_depth@224', loaded, { seed: 0 });
  };
  const whole = await decode(6);
  assert.deepEqual(runs.splice(0), [6]);
  assert.deepEqual(await decode(2), whole);
  assert.deepEqual(runs, [6, 3, 2, 1, 3, 2, 1]);
});
