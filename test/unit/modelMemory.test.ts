/** What a model is told to take, by its precision and the device. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Manifest } from '../../shared/model/manifest.ts';
import type { Precision } from '../../shared/model/precisions.ts';
import { boundsOf } from '../../worker/batching/bounds.ts';
import { formatSize, parseSize } from '../../worker/byteSize.ts';
import { memoryOf } from '../../worker/registry/memory.ts';
import { CPU, parseDevice } from '../../worker/session/devices.ts';

const CARD = parseDevice('cuda') ?? CPU;
const member = (
  kind: Manifest['kind'],
  precision: Precision,
  parameters: number,
  bytes: number,
) => ({
  manifest: { kind, precision, parameters, graphs: {} } as Manifest,
  fileBytes: bytes,
});
/** What shared runs take, of members that all have so many parameters. */
const runs = (members: Parameters<typeof memoryOf>[0], device = CPU): number =>
  Math.max(
    0,
    ...members.map(({ manifest }) =>
      manifest.kind === 'fm' ? boundsOf(device).bytes(manifest) : 0,
    ),
  );
/** In units of the weights: without what every set takes, what shared runs take, and the margin. */
const weights = (...[members, device]: Parameters<typeof memoryOf>): number =>
  Math.round((memoryOf(members, device) - memoryOf([], device) - runs(members, device)) / 1.25);

test('runs that several share count once, small for small models and 1 GiB at most on a CPU', () => {
  const bytes = (parameters: number) => boundsOf(CPU).bytes({ parameters });
  assert.deepEqual([1e6, 2e8, 1e10].map(bytes), [2 ** 26, 4e8, 2 ** 30]);
  const fm = member('fm', 'int8', 2e8, 2e8);
  assert.equal(memoryOf([fm], CPU) - memoryOf([], CPU), 1.25 * 2e8 + 4e8);
});

test('weights count as the device holds them', () => {
  const fm = (precision: Precision, bytes: number) => [member('fm', precision, 1e9, bytes)];
  assert.equal(weights(fm('fp32', 4e9), CPU), 4e9);
  assert.equal(weights(fm('fp32', 2e9), CPU), 4e9, 'stored in 16 bits, and widened');
  assert.equal(weights(fm('fp16', 2e9), CPU), 4e9);
  assert.equal(weights(fm('fp16', 2e9), CARD), 2e9);
  assert.equal(weights(fm('int8', 1.1e9), CPU), 1.1e9);
  assert.equal(weights(fm('int4', 0.7e9), CPU), 0.7e9);
});

test('a graph that writes has the decoder once more, and the heads of its targets', () => {
  const alone = member('fm', 'int8', 1e9, 1.1e9);
  const more = {
    graphs: { write: { file: 'write.onnx', bytes: 1 } },
    config: { dim: 100, decoder_depth: 2, gated_mlp: false, mlp_ratio: 4, domains_out: ['a', 'b'] },
    modalities: { a: { type: 'seq', vocab_size: 1000 }, b: { type: 'img', vocab_size: 5000 } },
  };
  const writing = { ...alone, manifest: { ...alone.manifest, ...more } as unknown as Manifest };
  // A block: qkv and projection, queries and projection of the other attention, two products of the MLP.
  const block = (3 + 1 + 1 + 1) * 100 ** 2 + 2 * 100 * 400;
  assert.equal(weights([writing], CPU) - weights([alone], CPU), 2 * block + 1000 * 100);
});

test('tokenizers in 8 bits are widened; members count together', () => {
  const tokenizer = member('divae', 'int8', 3e8, 5e8);
  assert.equal(weights([tokenizer], CPU), 1e9);
  assert.equal(weights([member('fm', 'int8', 8e8, 8e8), tokenizer], CPU), 1.8e9);
});

test('amounts are read and written as people write them', () => {
  assert.deepEqual(
    [...'BKMGT'].map((unit) => parseSize(`1${unit === 'B' ? '' : unit}B`)),
    [1, 1e3, 1e6, 1e9, 1e12],
  );
  assert.equal(parseSize('2 KiB'), 2048);
  assert.deepEqual([950, 4_321_000, 5.4e9].map(formatSize), ['0.95 KB', '4.32 MB', '5.4 GB']);
});
