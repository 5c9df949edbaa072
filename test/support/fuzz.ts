/** What the reader of checkpoints is fuzzed with: well-formed files, damaged ones, headers of any content. */
import fc from 'fast-check';
import { BYTES_PER_ELEMENT, type StoredType } from '../../worker/safetensors/header.ts';

const names = fc.oneof(
  fc.constantFrom('a', 'b.weight', 'b.bias', '__proto__', 'constructor', 'toString', '', '"\\\n'),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const types = fc.constantFrom(...(Object.keys(BYTES_PER_ELEMENT) as StoredType[]));
const shapes = fc.array(fc.nat(4), { maxLength: 4 });
const metadata = fc.uniqueArray(fc.tuple(names, fc.string({ maxLength: 20 })), {
  selector: ([key]) => key,
  maxLength: 3,
});

/** JSON of an object from its entries, in which keys may repeat and `__proto__` is a key like any other. */
export const jsonObject = (entries: readonly (readonly [string, unknown])[]): string =>
  `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${typeof value === 'function' ? value() : JSON.stringify(value)}`).join(',')}}`;

const raw = (json: string) => () => json;

export function fileOf(header: string, data: Uint8Array, headerBytes?: bigint): Uint8Array {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerBytes ?? BigInt(json.length));
  return new Uint8Array(Buffer.concat([length, json, data]));
}

export const sizeOf = (type: StoredType, shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, BYTES_PER_ELEMENT[type]);

/** Well-formed files of up to five tensors, some of them empty. */
export const wellFormed: fc.Arbitrary<Uint8Array> = fc
  .record({
    tensors: fc.uniqueArray(fc.tuple(names, types, shapes), {
      selector: ([name]) => name,
      maxLength: 5,
    }),
    metadata,
    padding: fc.nat(7),
  })
  .map(({ tensors, metadata, padding }) => {
    let position = 0;
    const entries = tensors.map(([name, dtype, shape]) => {
      const begin = position;
      position += sizeOf(dtype, shape);
      return [name, { dtype, shape, data_offsets: [begin, position] }] as const;
    });
    const header = jsonObject([['__metadata__', raw(jsonObject(metadata))], ...entries]);
    const data = Uint8Array.from({ length: position }, (_, i) => (i * 37) & 255);
    return fileOf(header + ' '.repeat(padding), data);
  });

export type Damage = (file: Uint8Array) => Uint8Array;
const splice = (file: Uint8Array, at: number, removed: number, inserted: Uint8Array) =>
  new Uint8Array(
    Buffer.concat([
      file.subarray(0, at),
      inserted,
      file.subarray(Math.min(at + removed, file.length)),
    ]),
  );
/** A place in the file; the first bytes and the header are hit more often than the data. */
const place = fc.oneof(fc.nat(8), fc.nat(120), fc.nat(2000));
const bytes = fc.uint8Array({ minLength: 1, maxLength: 12 });

export const damaged = (file: Uint8Array, damages: readonly Damage[]): Uint8Array =>
  damages.reduce((before, apply) => apply(before), file);

export const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(
    ([at, bit]): Damage =>
      (file) => {
        const copy = file.slice();
        if (file.length > 0) copy[at % file.length]! ^= 1 << bit;
        return copy;
      },
  ),
  fc.tuple(place, bytes).map(
    ([at, put]): Damage =>
      (file) =>
        splice(file, at, put.length, put),
  ),
  fc.tuple(place, bytes).map(
    ([at, put]): Damage =>
      (file) =>
        splice(file, at, 0, put),
  ),
  fc.tuple(place, fc.nat(20)).map(
    ([at, count]): Damage =>
      (file) =>
        splice(file, at, count, new Uint8Array()),
  ),
  place.map(
    (at): Damage =>
      (file) =>
        file.slice(0, at),
  ),
  place.map(
    (at): Damage =>
      (file) =>
        file.slice(0, Math.max(0, file.length - at)),
  ),
  bytes.map(
    (more): Damage =>
      (file) =>
        splice(file, file.length, 0, more),
  ),
  // Digits for digits keep the JSON whole, so that types, shapes and ranges are what is wrong.
  fc.tuple(fc.nat(40), fc.nat(9)).map(
    ([nth, digit]): Damage =>
      (file) => {
        const text = Buffer.from(file).toString('latin1');
        const digits = [...text.matchAll(/\d/g)];
        const at = digits[nth % Math.max(1, digits.length)]?.index;
        return at === undefined ? file : splice(file, at, 1, Buffer.from(String(digit)));
      },
  ),
);

const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, arbitrary);

const sizes = fc.oneof(
  fc.nat(8),
  fc.constantFrom(-1, 0.5, 1e300, 2 ** 32, 2 ** 53, 2 ** 53 - 1, null, '4', true),
);
const positions = fc.oneof(fc.nat(64), fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, null, '0'));
const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(raw('['.repeat(20_000) + ']'.repeat(20_000)), raw('{"__proto__":{}}')),
);
const fields: fc.Arbitrary<readonly [string, unknown]> = fc.oneof(
  fc.tuple(
    fc.constant('dtype'),
    fc.oneof(types, fc.constantFrom('F8_E4M3', 'F4', 'U16', 'C64', 'toString', 'f32')),
  ),
  fc.tuple(fc.constant('shape'), fc.array(sizes, { maxLength: 5 })),
  fc.tuple(fc.constant('data_offsets'), fc.array(positions, { minLength: 1, maxLength: 3 })),
  fc.tuple(fc.constantFrom('dtype', 'shape', 'data_offsets', '__proto__', 'more'), anything),
);

/** One tensor of a header that fits the data, and what is written over it or beside it. */
const entries = fc.record({
  name: names,
  type: types,
  shape: shapes,
  changes: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(fields, { maxLength: 2 })),
  replaced: rarely(anything),
});

/** Files with JSON headers of any content, keys repeated or missing, over data that fits or does not. */
export const anyHeader: fc.Arbitrary<Uint8Array> = fc
  .record({
    tensors: fc.array(entries, { minLength: 1, maxLength: 3 }),
    metadata: fc.oneof(
      { weight: 9, arbitrary: metadata.map((pairs) => raw(jsonObject(pairs))) },
      fc.constant(undefined),
      anything,
    ),
    surplus: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: -8, max: 8 })),
    headerBytes: rarely(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  })
  .map(({ tensors, metadata, surplus, headerBytes }) => {
    let position = 0;
    const written = tensors.map(({ name, type, shape, changes, replaced }) => {
      const begin = position;
      position += sizeOf(type, shape);
      const fields = new Map<string, unknown>([
        ['dtype', type],
        ['shape', shape],
        ['data_offsets', [begin, position]],
        ...changes,
      ]);
      return [name, replaced ?? raw(jsonObject([...fields]))] as const;
    });
    return fileOf(
      jsonObject(metadata === undefined ? written : [['__metadata__', metadata], ...written]),
      new Uint8Array(Math.max(0, position + surplus)).fill(1),
      headerBytes,
    );
  });
