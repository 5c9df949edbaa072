/** Values that are not finite are found wherever in a file they lie, however its bytes come in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExportError } from '../../worker/export/errors.ts';
import { finiteCheck } from '../../worker/export/finiteCheck.ts';
import { BYTES_PER_ELEMENT, type StoredTensor } from '../../worker/safetensors/header.ts';
import { fc } from '../support/properties.ts';

const TYPES = ['F32', 'F16', 'BF16', 'I64', 'U8'] as const;

test('any value of any tensor, in pieces of any length', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ type: fc.constantFrom(...TYPES), values: fc.nat({ max: 9 }) }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.nat({ max: 9 }),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(),
      fc.boolean(),
      (shapes, header, pieceLength, chosen, infinite) => {
        let end = header;
        const tensors = shapes.map(({ type, values }, i): StoredTensor => {
          const length = values * BYTES_PER_ELEMENT[type];
          const tensor = { name: `t${i}`, type, shape: [values], file: 'f', offset: end, length };
          end += length;
          return tensor;
        });
        // Bytes of 0x11 are finite in every type.
        const file = new Uint8Array(end + 3).fill(0x11);
        const feed = () => {
          const check = finiteCheck(tensors);
          for (let at = 0; at < file.length; at += pieceLength)
            check(at, file.subarray(at, at + pieceLength));
        };
        feed();
        const weights = tensors.filter(({ type, length }) => /^B?F/.test(type) && length > 0);
        if (weights.length === 0) return;
        const tensor = weights[chosen % weights.length] as StoredTensor;
        const size = BYTES_PER_ELEMENT[tensor.type];
        const place = tensor.offset + size * (chosen % (tensor.length / size));
        const bits = tensor.type === 'F32' ? 0x7f800000 : tensor.type === 'F16' ? 0x7c00 : 0x7f80;
        for (let i = 0; i < size; i++)
          file[place + i] = ((bits + (infinite ? 0 : 1)) >> (8 * i)) & 255;
        assert.throws(feed, (error) => {
          assert.ok(error instanceof ExportError && error.reason === 'not_finite');
          return error.message.startsWith(`f: tensor ${tensor.name} holds values`);
        });
      },
    ),
    { numRuns: 2000 },
  );
});
