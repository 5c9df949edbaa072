/** Features, vectors, embeddings and raw tokens as inputs: what is seen of them, and what is refused. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InputValue } from '../../shared/api/generate.ts';
import { data, npy, recorder, refusal, upTo } from '../support/inputs.ts';
import { f32, safetensorsBytes } from '../support/safetensors.ts';

describe('features and vectors', () => {
  const { read, given } = recorder();

  test('maps are (C, h, w) or (1, C, h, w)', async () => {
    for (const dims of [
      [5, 14, 14],
      [1, 5, 14, 14],
    ]) {
      const feed = await given(
        'clip',
        npy(dims, (i) => i),
      );
      assert.deepEqual([feed.dims, feed.values[200]], [[1, 5, 14, 14], 200]);
    }
    assert.deepEqual(
      (
        await given(
          'dinov2',
          npy([6, 16, 16], () => 0),
        )
      ).dims,
      [1, 6, 16, 16],
    );
    for (const dims of [[14, 14, 5], [6, 14, 14], [5, 16, 16], [2, 5, 14, 14], [980]])
      assert.deepEqual(
        await refusal(
          read(
            'clip',
            npy(dims, () => 0),
          ),
        ),
        ['invalid_input', '/inputs/clip'],
      );
  });

  test('vectors are a list, or an array with one axis that counts', async () => {
    const vector = [1, 2, 3, 4, 5, 6, 7.5];
    const forms: InputValue[] = [
      { value: vector },
      npy([7], (i) => vector[i]!),
      npy([1, 7, 1, 1], (i) => vector[i]!),
    ];
    for (const form of forms) {
      const feed = await given('dinov2_global', form);
      assert.deepEqual([feed.dims, feed.values], [[1, 7], vector]);
    }
    const name = 'dinov2_global';
    const at = `/inputs/${name}`;
    assert.deepEqual(await refusal(read(name, { value: [1] })), ['invalid_input', `${at}/value`]);
    assert.deepEqual(await refusal(read(name, { value: [1, '2'] })), [
      'invalid_input',
      `${at}/value/1`,
    ]);
    assert.deepEqual(
      await refusal(
        read(
          name,
          npy([2, 7], () => 0),
        ),
      ),
      ['invalid_input', at],
    );
    const box: [number, number, number, number] = [0, 0, 1, 1];
    assert.deepEqual(await refusal(read(name, { value: vector, hide: { box } })), [
      'invalid_input',
      `${at}/hide`,
    ]);
  });

  test('embeddings of a text are (n, 4096), as npy or safetensors', async () => {
    const name = 't5_caption';
    const rows = await read(
      name,
      npy([3, 4096], (i) => i),
    );
    assert.deepEqual(rows.positions, [0, 1, 2]);
    assert.ok(rows.content.kind === 'rows' && rows.content.width === 4096);
    assert.equal(rows.content.rows[4097], 4097);
    const file = safetensorsBytes({ emb: f32([1, 77, 4096], new Array(77 * 4096).fill(1)) });
    assert.equal((await read(name, data(file))).positions.length, 77);
    const at = [`invalid_input`, `/inputs/${name}`];
    for (const dims of [[78, 4096], [3, 4095], [0, 4096], [4096]])
      assert.deepEqual(
        await refusal(
          read(
            name,
            npy(dims, () => 0),
          ),
        ),
        at,
      );
    assert.deepEqual(await refusal(read(name, data(file.subarray(0, 1000)))), at);
    assert.deepEqual(await refusal(read(name, 'not base64!')), at);
  });
});

describe('raw tokens', () => {
  const { read } = recorder();

  test('of a grid may have holes', async () => {
    const tokens = upTo(196).map((i) => (i % 3 === 0 ? null : i));
    const { positions, content } = await read('depth', { tokens });
    const known = upTo(196).filter((i) => i % 3 !== 0);
    assert.deepEqual([positions, content], [known, { kind: 'ids', ids: known }]);
    const box: [number, number, number, number] = [0, 0, 1, 0.999];
    assert.deepEqual(await refusal(read('depth', { tokens, hide: { box } })), [
      'invalid_input',
      '/inputs/depth/hide',
    ]);
  });

  test('of a sequence have gaps where they are not known', async () => {
    const tokens = [300, null, null, 301, null];
    const { positions, content } = await read('caption', { tokens });
    assert.deepEqual([positions, content], [[0, 1, 2, 3], { kind: 'ids', ids: [300, 5, 301, 6] }]);
    assert.deepEqual((await read('caption', { tokens: [300, 3] })).content, {
      kind: 'ids',
      ids: [300, 3],
    });
  });

  test('of another number, none at all, or outside the vocabulary are refused', async () => {
    const at = '/inputs/depth/tokens';
    const codes = async (tokens: (number | null)[]) => await refusal(read('depth', { tokens }));
    assert.deepEqual(await codes([1, 2]), ['invalid_input', at]);
    assert.deepEqual(await codes(upTo(196).map(() => null)), ['invalid_input', at]);
    assert.deepEqual(await codes(upTo(196).with(7, 8192)), ['invalid_input', `${at}/7`]);
    const many = Array.from({ length: 257 }, () => 300);
    assert.deepEqual(await refusal(read('caption', { tokens: many })), [
      'invalid_input',
      '/inputs/caption/tokens',
    ]);
  });
});
