/** 10,000 files that nobody vouches for: each is either refused by name or read in full, within its size. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { TELLING_BYTES } from '../../worker/safetensors/foreign.ts';
import { SafetensorsError } from '../../worker/safetensors/header.ts';
import { parseMetadataValue } from '../../worker/safetensors/metadata.ts';
import {
  anyHeader,
  damage,
  damaged,
  fileOf,
  jsonObject,
  sizeOf,
  wellFormed,
} from '../support/fuzz.ts';
import { memoryFiles } from '../support/memoryFiles.ts';
import { fc, SEED } from '../support/properties.ts';

interface Tally {
  read: number;
  refused: number;
}

/** Opens a checkpoint and reads all of it. Any error but the typed one fails the test. */
async function tryAll(
  files: Readonly<Record<string, Uint8Array>>,
  file: string,
  tally: Tally,
): Promise<void> {
  const { open, bytesRead, leftOpen } = memoryFiles(files);
  const size = Object.values(files).reduce((total, { length }) => total + length, 0);
  try {
    const checkpoint = await openCheckpoint(file, open);
    assert.ok(bytesRead() <= size + TELLING_BYTES * Object.keys(files).length);
    for (const { name, type, shape, length } of checkpoint.tensors.values()) {
      assert.equal(length, sizeOf(type, shape), name);
      assert.equal((await checkpoint.read(name)).length, length, name);
      await readValues(checkpoint, name);
    }
    assert.deepEqual(Object.keys(checkpoint.config), Object.keys(checkpoint.metadata));
    await checkpoint.close();
    tally.read++;
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    assert.ok(
      Object.keys(files).some((name) => error.message.startsWith(name)),
      error.message,
    );
    assert.ok(error.message.length < 2000, 'a message is not as long as what it is about');
    tally.refused++;
  }
  assert.equal(leftOpen(), 0, 'every file is closed');
}

async function readValues(
  checkpoint: Awaited<ReturnType<typeof openCheckpoint>>,
  name: string,
): Promise<void> {
  const { type, shape } = checkpoint.tensors.get(name)!;
  const count = shape.reduce((product, size) => product * size, 1);
  const rows = shape[0];
  if (!['F32', 'F16', 'BF16'].includes(type)) {
    await assert.rejects(checkpoint.readFloats(name), SafetensorsError);
    return;
  }
  const values = await checkpoint.readFloats(name);
  assert.equal(values.length, count, name);
  if (rows === undefined) {
    await assert.rejects(checkpoint.readRows(name, 0, 1), SafetensorsError);
    return;
  }
  const first = rows >> 1;
  const tail = await checkpoint.readRows(name, first, rows - first);
  assert.deepEqual(tail, rows === 0 ? values : values.slice((first * count) / rows), name);
  await assert.rejects(checkpoint.readRows(name, first, rows - first + 1), SafetensorsError);
}

async function fuzz<T>(
  t: TestContext,
  numRuns: number,
  property: (tally: Tally) => fc.IAsyncProperty<T>,
): Promise<void> {
  const tally = { read: 0, refused: 0 };
  await fc.assert(property(tally), { numRuns });
  t.diagnostic(`FOURM_TEST_SEED=${SEED}: ${tally.read} read, ${tally.refused} refused`);
  // A fuzzer that only ever meets one of the two outcomes tests little.
  assert.ok(tally.read > numRuns / 50 && tally.refused > numRuns / 50, JSON.stringify(tally));
}

test('what is well-formed is read, all of it', async () => {
  const tally = { read: 0, refused: 0 };
  const property = fc.asyncProperty(wellFormed, (file) => tryAll({ x: file }, 'x', tally));
  await fc.assert(property, { numRuns: 300 });
  assert.deepEqual(tally, { read: 300, refused: 0 });
});

test('4,500 damaged files', (t) =>
  fuzz(t, 4500, (tally) =>
    fc.asyncProperty(wellFormed, fc.array(damage, { maxLength: 3 }), (file, damages) =>
      tryAll({ x: damaged(file, damages) }, 'x', tally),
    ),
  ));

test('4,500 headers of any content', (t) =>
  fuzz(t, 4500, (tally) => fc.asyncProperty(anyHeader, (file) => tryAll({ x: file }, 'x', tally))));

const shardNames = fc.constantFrom('a.safetensors', 'b.safetensors', '../a.safetensors', 'a.bin');
const shard = (names: readonly string[]) =>
  fileOf(
    jsonObject(
      names.map((name, i) => [name, { dtype: 'U8', shape: [2], data_offsets: [2 * i, 2 * i + 2] }]),
    ),
    new Uint8Array(2 * names.length),
  );
const tensorNames = ['t', 'u', '__proto__', 'constructor'] as const;
const map = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom(...tensorNames),
    fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom('a.safetensors', 'b.safetensors') },
      { weight: 1, arbitrary: shardNames },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) },
    ),
  ),
  { selector: ([name]) => name, maxLength: 4 },
);

test('1,000 indices of shards', (t) =>
  fuzz(t, 1000, (tally) =>
    fc.asyncProperty(
      map,
      fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, fc.subarray([...tensorNames])),
      fc.oneof({ weight: 9, arbitrary: fc.constant({ total_size: 4 }) }, fc.jsonValue()),
      fc.oneof(fc.constant([]), fc.array(damage, { maxLength: 1 })),
      (entries, surplus, metadata, damages) => {
        const inShard = (file: string) =>
          entries.flatMap(([name, place]) => (place === file ? [name] : []));
        const index = Buffer.from(
          jsonObject([
            ['metadata', metadata],
            ['weight_map', () => jsonObject(entries)],
          ]),
        );
        return tryAll(
          {
            'm.safetensors.index.json': damaged(index, damages),
            'a.safetensors': shard(surplus ?? inShard('a.safetensors')),
            'b.safetensors': shard(inShard('b.safetensors')),
          },
          'm.safetensors.index.json',
          tally,
        );
      },
    ),
  ));

const alphabet = fc.constantFrom(...`[](),'"\\ \nxuUN0-9.e+aTrueNone`);
const literals = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: alphabet, maxLength: 60 }),
);

test('metadata values parse or stay text, whatever they are', (t) => {
  t.diagnostic(`FOURM_TEST_SEED=${SEED}`);
  const isValue = (value: unknown): boolean =>
    value === null ||
    ['string', 'number', 'boolean'].includes(typeof value) ||
    (Array.isArray(value) && value.every(isValue));
  fc.assert(
    fc.property(literals, (text) => isValue(parseMetadataValue(text))),
    { numRuns: 3000 },
  );
});

test('metadata values take no longer than their length says', () => {
  const long = ['(', '[', '9', "'", '"', '\\', '[1,', "['", '9.', '1e', ' ', 'é'];
  const start = performance.now();
  for (const piece of long)
    for (const end of ['', 'x', ']', "'"])
      parseMetadataValue(piece.repeat(9_990 / piece.length) + end);
  assert.ok(performance.now() - start < 60_000, 'no text of 10,000 characters takes long');
});

type Literal = string | number | boolean | null | Literal[];
/** As Python's repr writes it, letter by letter where it escapes. */
function repr(value: Literal): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const letters = [...value].map((letter) => {
    if (letter === '\\' || letter === quote) return `\\${letter}`;
    if (letter === '\n') return '\\n';
    const code = letter.codePointAt(0)!;
    if (code < 32 || code === 127) return `\\x${code.toString(16).padStart(2, '0')}`;
    if (code === 0x2028) return '\\u2028';
    return code > 0xffff && code % 2 ? `\\U${code.toString(16).padStart(8, '0')}` : letter;
  });
  return quote + letters.join('') + quote;
}

test('metadata values come back from their Python repr', (t) => {
  t.diagnostic(`FOURM_TEST_SEED=${SEED}`);
  const { literal } = fc.letrec<{ literal: Literal }>((tie) => ({
    literal: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.string({ unit: alphabet, maxLength: 10 }),
      ),
      fc
        .oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }))
        .map((n) => n + 0),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('literal'), { maxLength: 4 }),
    ),
  }));
  fc.assert(
    fc.property(literal, (value) => {
      assert.deepEqual(parseMetadataValue(repr(value)), value);
    }),
    { numRuns: 2000 },
  );
});
