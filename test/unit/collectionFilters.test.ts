/** Filters as LanceDB carries them out, against the same filter read in JavaScript. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Condition, Filter, Scalar } from '../../shared/api/filters.ts';
import { filterSchema } from '../../shared/api/filters.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { openCollections } from '../../worker/retrieval/collections.ts';
import { unit } from '../../worker/retrieval/vectors.ts';
import { fc } from '../support/properties.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-filters-'));
const collections = openCollections({ uri: folder, storage: {} }, () => {});
after(async () => {
  await collections.close();
  await rm(folder, { recursive: true, force: true });
});

const FIELDS = {
  "it's `a` field": { type: 'string', filter: true },
  year: { type: 'integer', filter: true },
  share: { type: 'number', filter: true },
  open: { type: 'boolean', filter: true },
  secret: { type: 'string', filter: false },
} as const;
type Name = Exclude<keyof typeof FIELDS, 'secret'>;
const VALUES: Readonly<Record<Name, readonly Scalar[]>> = {
  "it's `a` field": [
    '',
    "'",
    "''; DROP",
    '\\',
    '"',
    '%',
    'a',
    'b',
    'ü',
    '\n',
    "a' OR '1'='1",
    'NULL',
  ],
  year: [0, -1, 5, 2 ** 53 - 1, -(2 ** 53 - 1), 7],
  share: [0, -0.5, 1e300, 5e-324, 0.1, 3],
  open: [true, false],
};
const names = Object.keys(VALUES) as Name[];

const rows = Array.from({ length: 120 }, (_, i) => ({
  id: `i${i}`,
  vector: unit([1, i], []),
  metadata: Object.fromEntries(
    names.flatMap((name, place) => {
      const values = VALUES[name];
      const at = (i * (place + 3) + Math.floor(i / 7)) % (values.length + 1);
      return at === values.length ? [] : [[name, values[at] as Scalar]];
    }),
  ),
}));

/** UTF-8 order, as databases have it; the values here have the same by code units. */
const less = (a: Scalar, b: Scalar): boolean => a < b;

function meets(metadata: Readonly<Record<string, Scalar>>, filter: Filter): boolean {
  if ('and' in filter) return filter.and.every((one) => meets(metadata, one));
  if ('or' in filter) return filter.or.some((one) => meets(metadata, one));
  if ('not' in filter) return !meets(metadata, filter.not);
  const value = metadata[filter.field];
  const has = value !== undefined;
  const checks: [boolean, () => boolean][] = [
    [filter.eq !== undefined, () => has && value === filter.eq],
    [filter.ne !== undefined, () => !has || value !== filter.ne],
    [filter.gt !== undefined, () => has && less(filter.gt!, value)],
    [filter.gte !== undefined, () => has && !less(value, filter.gte!)],
    [filter.lt !== undefined, () => has && less(value, filter.lt!)],
    [filter.lte !== undefined, () => has && !less(filter.lte!, value)],
    [filter.in !== undefined, () => has && filter.in!.includes(value)],
    [filter.exists !== undefined, () => has === filter.exists],
  ];
  return checks.every(([given, holds]) => !given || holds());
}

const condition = fc.constantFrom(...names).chain((field) => {
  const value = fc.constantFrom(...VALUES[field]);
  const order = field === 'open' ? [] : (['gt', 'gte', 'lt', 'lte'] as const);
  const single = fc
    .tuple(fc.constantFrom('eq' as const, 'ne' as const, ...order), value)
    .map(([name, own]): Partial<Condition> => ({ [name]: own }));
  const several = fc.array(value, { minLength: 1, maxLength: 4 }).map((own) => ({ in: own }));
  const exists = fc.boolean().map((own) => ({ exists: own }));
  return fc
    .array(fc.oneof(single, several, exists), { minLength: 1, maxLength: 2 })
    .map((parts): Filter => Object.assign({ field }, ...parts));
});
const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    condition,
    fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map((and): Filter => ({ and })),
    fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map((or): Filter => ({ or })),
    tie('filter').map((not): Filter => ({ not })),
  ),
}));

const at = { tenant: 'default', name: 'filtered' };
const search = (own: Filter) =>
  collections.search(at, { vector: unit([1, 1], []), k: 1000, filter: own, vectors: false });

test('a filter leaves exactly the items that it describes', async () => {
  const embedding = { kind: 'vector' as const, dimensions: 2 };
  await collections.create('default', {
    name: 'filtered',
    embedding,
    dimensions: 2,
    metadata: FIELDS,
  });
  const description = await collections.describe(at);
  await collections.put({ tenant: 'default', description }, rows);
  await fc.assert(
    fc.asyncProperty(filter, async (own) => {
      const parsed = filterSchema.parse(own);
      const expected = rows.filter(({ metadata }) => meets(metadata, own)).map(({ id }) => id);
      const { results, matching } = await search(parsed);
      assert.deepEqual(results.map(({ id }) => id).sort(), expected.sort());
      assert.equal(matching, expected.length);
    }),
    { numRuns: 250 },
  );
});

test('a filter that does not fit the collection is refused with its place', async () => {
  const cases: [Filter, string][] = [
    [{ field: 'nope', eq: 1 }, '/filter/field'],
    [
      {
        and: [
          { field: 'year', eq: 1 },
          { field: 'secret', eq: 'x' },
        ],
      },
      '/filter/and/1/field',
    ],
    [{ not: { field: 'year', gt: 'x' } }, '/filter/not/gt'],
    [{ field: 'year', eq: 0.5 }, '/filter/eq'],
    [{ or: [{ field: 'share', in: [1, 'x'] }] }, '/filter/or/0/in/1'],
    [{ field: 'open', lt: true }, '/filter/lt'],
  ];
  for (const [own, pointer] of cases) {
    const error = await search(own).catch((caught: unknown) => caught);
    assert.ok(error instanceof FailureError);
    assert.deepEqual(
      [error.failure.code, error.failure.errors?.[0]?.pointer],
      ['invalid_filter', pointer],
    );
  }
});
