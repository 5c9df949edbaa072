/** What callers of one graph share: their rows in one run, each one's own answer, failure and end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTick } from 'node:timers/promises';
import { sharedRuns } from '../../worker/batching/sharedRuns.ts';
import { type GraphSession, SessionError, type Tensor } from '../../worker/session/types.ts';

const dims = ['B', 1, 'H', 'W'] as const;
const signature = {
  inputs: [{ name: 'pixels', type: 'float32' as const, dims }],
  outputs: [{ name: 'values', type: 'float32' as const, dims }],
};

const pixels = (...values: number[]) =>
  ({
    pixels: { type: 'float32', dims: [values.length, 1, 1, 1], data: Float32Array.from(values) },
  }) satisfies Record<string, Tensor>;

/** A graph that doubles its rows, a moment later, and fails where one of them is negative. */
function doubling(shape = signature) {
  const runs: number[][] = [];
  const graph: GraphSession = {
    signature: shape,
    async run({ pixels: given }) {
      const data = given!.data as Float32Array;
      runs.push([...data]);
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (data.some((value) => value < 0)) throw new SessionError('it is negative');
      return { values: { type: 'float32', dims: given!.dims, data: data.map((x) => 2 * x) } };
    },
    close: async () => {},
  };
  return { runs, graph };
}

const values = ({ values: found }: Record<string, Tensor>) => [...(found!.data as Float32Array)];

test('what is asked while a run is under way goes together into the next one', async () => {
  const { runs, graph } = doubling();
  const shared = sharedRuns(graph);
  const answers = await Promise.all([[1], [2, 3], [4]].map((rows) => shared.run(pixels(...rows))));
  assert.deepEqual(answers.map(values), [[2], [4, 6], [8]]);
  assert.deepEqual(runs, [[1], [2, 3, 4]]);
});

test('a shared run has a bound, rows of another size run apart, and nobody is overtaken for long', async () => {
  const { runs, graph } = doubling();
  const shared = sharedRuns(graph);
  const wide = { type: 'float32', dims: [1, 1, 1, 2], data: Float32Array.of(7, 7) } as const;
  const asked = [...Array(12).keys()].map((i) => shared.run(pixels(i)));
  const other = shared.run({ pixels: wide });
  await Promise.all([...asked, other]);
  assert.deepEqual(
    runs.map(({ length }) => length),
    [1, 8, 3, 2],
  );
});

test('who shares a run that fails is tried apart: each bears its own failure', async () => {
  const { graph } = doubling();
  const shared = sharedRuns(graph);
  const asked = [1, 2, -3, 4, 5].map((value) => shared.run(pixels(value)));
  const settled = await Promise.allSettled(asked);
  assert.deepEqual(
    settled.map((one) => (one.status === 'fulfilled' ? values(one.value)[0] : 'failed')),
    [2, 4, 'failed', 8, 10],
  );
});

test('who leaves is answered at once and takes part in no run', async () => {
  const { runs, graph } = doubling();
  const shared = sharedRuns(graph);
  const leaving = new AbortController();
  const first = shared.run(pixels(1));
  const second = shared.run(pixels(2), undefined, { signal: leaving.signal });
  leaving.abort(new Error('gone'));
  await assert.rejects(second, /gone/);
  await first;
  await shared.run(pixels(3));
  assert.deepEqual(runs, [[1], [3]]);
});

test('who has left a shared run that fails is not tried again', async () => {
  const { runs, graph } = doubling();
  const shared = sharedRuns(graph);
  const leaving = new AbortController();
  const first = shared.run(pixels(1));
  const gone = shared.run(pixels(2), undefined, { signal: leaving.signal });
  const failing = shared.run(pixels(-3));
  failing.catch(() => {});
  await first;
  while (runs.length < 2) await nextTick();
  leaving.abort(new Error('gone'));
  await assert.rejects(gone, /gone/);
  await assert.rejects(failing, /negative/);
  assert.deepEqual(runs, [[1], [2, -3], [-3]]);
});

test('rows of a single token are not shared: the runtime multiplies several of them otherwise', () => {
  const vectors = { ...signature.inputs[0]!, dims: ['B', 4] as const };
  const { graph } = doubling({ inputs: [vectors], outputs: signature.outputs } as never);
  assert.equal(sharedRuns(graph), graph);
});
