/** What a question and a fit ask of a collection, while it changes or holds what neither can use. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FailureError } from '../../shared/api/problem.ts';
import { searchRequestSchema } from '../../shared/api/search.ts';
import { type Collections, openCollections } from '../../worker/retrieval/collections.ts';
import { unit } from '../../worker/retrieval/vectors.ts';
import { labelledVectors } from '../../worker/tasks/labelledItems.ts';
import type { Lender } from '../../worker/tasks/lender.ts';
import { answerQuestion } from '../../worker/tasks/questions.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-asked-'));
const collections = openCollections({ uri: folder, storage: {} }, () => {});
after(async () => {
  await collections.close();
  await rm(folder, { recursive: true, force: true });
});

const tenant = 'default';
const lender: Lender = {
  descriptions: [],
  use: async () => assert.fail('a model was asked for'),
};
const context = { lender, tenant, signal: new AbortController().signal };
const isFailure = (code: string) => (error: unknown) =>
  error instanceof FailureError && error.failure.code === code;

async function make(name: string, dimensions = 2) {
  await collections.create(tenant, {
    ...{ name, dimensions, embedding: { kind: 'vector', dimensions } },
    metadata: { label: { type: 'string', filter: true } },
  });
  return { tenant, description: await collections.describe({ tenant, name }) };
}
const item = (id: string, numbers: readonly number[], label = '') => ({
  ...{ id, vector: unit(numbers, []), metadata: { label } },
});

test('a question is answered by the collection that it was read for, or not at all', async () => {
  const reference = { tenant, name: 'made-anew' };
  await collections.put(await make(reference.name), [item('a', [1, 0])]);
  const meanwhile: Collections = {
    ...collections,
    describe: async (named) => {
      const description = await collections.describe(named);
      await collections.drop(reference);
      await collections.put(await make(reference.name), [item('other', [1, 0])]);
      return description;
    },
  };
  const request = searchRequestSchema.parse({ vector: [1, 0], k: 1 });
  await assert.rejects(
    answerQuestion(reference, request, meanwhile, context),
    isFailure('unknown_collection'),
  );
});

test('a fit refuses classes that no head can name, and names the item', async () => {
  for (const [name, label] of [
    ['empty', ''],
    ['long', 'b'.repeat(201)],
  ] as const) {
    const items = ['a', 'a', label, label].map((own, i) => item(`i${i}`, [1, i], own));
    await collections.put(await make(name), items);
    const access = { ...context, collections: () => collections };
    await assert.rejects(labelledVectors({ name, label_field: 'label' }, access), (error) => {
      assert.ok(isFailure('invalid_examples')(error), String(error));
      assert.match(String(error), /i[23].*1 to 200/);
      return true;
    });
    const filter = { field: 'label', eq: 'a' };
    const { labels } = await labelledVectors({ name, label_field: 'label', filter }, access);
    assert.deepEqual(labels, ['a', 'a']);
  }
});
