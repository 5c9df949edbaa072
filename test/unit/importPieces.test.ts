/** A file in any chunks -> pieces with whole lines or rows, which together are the file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteSource } from '../../edge/import/bytes.ts';
import { readIds } from '../../edge/import/multipart.ts';
import { linePieces, npyPieces, PIECE_BYTES, type Piece } from '../../edge/import/pieces.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { readNpy, writeNpy } from '../../worker/values/npy.ts';
import { fc } from '../support/properties.ts';

async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let [at, i] = [0, 0]; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
const source = (bytes: Uint8Array, sizes: readonly number[] = [1000]) =>
  byteSource(chunked(bytes, sizes));
const all = async (pieces: AsyncIterable<Piece>): Promise<Piece[]> => {
  const list: Piece[] = [];
  for await (const piece of pieces) list.push(piece);
  return list;
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sizes = fc.array(fc.integer({ min: 1, max: 700_000 }), { minLength: 1, maxLength: 6 });

test('lines stay whole, in order, and know their numbers', async () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 900_000 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(lengths, sizes, fc.boolean(), async (given, cuts, ends) => {
      const lines = given.map((length, i) => `${i}:${'ü'.repeat(length / 2)}`);
      const text = lines.join('\n') + (ends && lines.length > 0 ? '\n' : '');
      const pieces = await all(linePieces(source(bytes(text), cuts)));
      let line = 1;
      for (const piece of pieces) {
        assert.equal(piece.line, line);
        assert.ok(piece.data.length <= Math.max(PIECE_BYTES, 2 * 900_010));
        const own = new TextDecoder().decode(piece.data);
        assert.ok(own.startsWith(`${line - 1}:`));
        line += own.split('\n').length - 1;
      }
      assert.equal(pieces.map(({ data }) => new TextDecoder().decode(data)).join(''), text);
    }),
    { numRuns: 40 },
  );
});

test('rows of no bytes are refused by the header, and rows of few bytes come in pieces of few', async () => {
  const made: number[] = [];
  const idsOf = (from: number, to: number): string[] => {
    made.push(to - from);
    return Array.from({ length: to - from }, (_, i) => `${from + i}`);
  };
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 0), }`.padEnd(
    117,
  );
  const file = Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'),
    Buffer.from(`${header}\n`),
  ]);
  await assert.rejects(all(npyPieces(source(file), idsOf)), /no numbers/);
  assert.equal(made.length, 0, 'no id was made');
  const few = writeNpy(new Float32Array(50_000), [50_000, 1]);
  assert.equal((await all(npyPieces(source(few), idsOf))).length, made.length);
  assert.ok(Math.max(...made) <= 20_000 && made.reduce((a, b) => a + b) === 50_000, `${made}`);
});

test('rows of an array become arrays that a reader of .npy takes', async () => {
  const columns = 300;
  const rows = 4000;
  const values = Float32Array.from({ length: rows * columns }, (_, i) => i);
  const file = writeNpy(values, [rows, columns]);
  const ids = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `${from + i}`);
  const pieces = await all(npyPieces(source(file, [7, 100_000]), ids));
  assert.ok(pieces.length > 1);
  let row = 0;
  for (const piece of pieces) {
    assert.equal(piece.line, row + 1);
    const { dims, data } = readNpy(Buffer.from(piece.data));
    assert.deepEqual(dims, [piece.ids?.length, columns]);
    assert.equal(data[0], row * columns);
    assert.equal(piece.ids?.[0], String(row));
    row += dims[0]!;
  }
  assert.equal(row, rows);
  await assert.rejects(all(npyPieces(source(file.subarray(0, -1)), ids)), /ends within row/);
  await assert.rejects(all(npyPieces(source(bytes('{"id":1}')), ids)), FailureError);
  await assert.rejects(all(npyPieces(source(writeNpy(values, [rows * columns])), ids)), /\(N, D\)/);
});

/** A form in multipart with a file of ids, and nothing behind them. */
const idsForm = (ids: Uint8Array): Uint8Array => {
  const head = (name: string): string =>
    `--b\r\nContent-Disposition: form-data; name="${name}"; filename="x"\r\n\r\n`;
  return Buffer.concat([Buffer.from(head('ids')), ids, Buffer.from(`\r\n${head('vectors')}`)]);
};

test('ids are those of the lines wherever slices end, and are bounded however short they are', async () => {
  const type = 'multipart/form-data; boundary=b';
  // Of three bytes, and line ends of two, so that slices end in the middle of each.
  const many = Array.from({ length: 80_000 }, (_, i) => `€${i}`);
  for (const end of ['\n', '\r\n'])
    assert.deepEqual(await readIds(source(idsForm(bytes(many.join(end)))), type), many);
  assert.deepEqual(await readIds(source(idsForm(bytes('a\n\nb\n'))), type), ['a', '', 'b']);
  const blank = idsForm(new Uint8Array(3_000_000).fill(0x0a));
  await assert.rejects(readIds(source(blank, [500_000]), type), /more than 2000000 lines/);
});

test('ids of a form come before its vectors', async () => {
  const vectors = writeNpy(new Float32Array(6), [3, 2]);
  const body = async (names: readonly string[]) => {
    const form = new FormData();
    for (const name of names)
      form.append(
        name,
        new Blob([name === 'ids' ? 'a\nü b\r\nc\n' : new Uint8Array(vectors)]),
        name,
      );
    const request = new Request('http://x', { method: 'POST', body: form });
    const type = request.headers.get('content-type') ?? '';
    return { type, given: source(new Uint8Array(await request.arrayBuffer()), [5, 90]) };
  };
  const { type, given } = await body(['ids', 'vectors']);
  assert.deepEqual(await readIds(given, type), ['a', 'ü b', 'c']);
  const [piece] = await all(npyPieces(given, () => ['a', 'ü b', 'c']));
  assert.deepEqual(readNpy(Buffer.from(piece!.data)).dims, [3, 2]);
  for (const names of [['vectors', 'ids'], ['ids'], []]) {
    const wrong = await body(names);
    await assert.rejects(readIds(wrong.given, wrong.type), FailureError, names.join());
  }
});
