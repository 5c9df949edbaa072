/** What is too old of jobs and batches goes, whole and of every tenant; the rest stays, and is not even listed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import { JOB_IDS } from '../../shared/api/jobId.ts';
import { removeMadeBefore } from '../../shared/documents/retention.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;

test('what was made before a time is removed, and nothing else', async () => {
  const objects = new Map();
  const store = createMemoryStore(undefined, objects);
  const made = (days: number) => {
    const job = JOB_IDS.create(NOW - days * DAY);
    const batch = BATCH_IDS.create(NOW - days * DAY);
    return ['a', 'default', 'z-9'].flatMap((tenant) => [
      `jobs/${tenant}/${job}/000001.json`,
      `jobs/${tenant}/${job}/000002.json`,
      `webhook-events/${tenant}/${job}/msg_1/000001.json`,
      `webhook-events/${tenant}/${batch}/msg_1/000001.json`,
      `batches/${tenant}/${batch}/000001.json`,
      `batch-records/${tenant}/${batch}/000000.json`,
      `batch-parts/${tenant}/${batch}/000000/0a.jsonl`,
    ]);
  };
  const old = [40, 31, 30.001].flatMap(made);
  const young = [29.999, 5, 0].flatMap(made);
  const others = ['heads/a/h/head.json', 'results/00/0.json', 'state/models.json'];
  for (const key of [...old, ...young, ...others]) await store.put(key, new Uint8Array([1]));
  const deleted: string[] = [];
  const listed: string[] = [];
  const watched = {
    ...store,
    async delete(key: string) {
      deleted.push(key);
      await store.delete(key);
    },
    async list(...asked: Parameters<typeof store.list>) {
      const page = await store.list(...asked);
      // A look for the next tenant wants no more than its name.
      if (asked[0].split('/').length > 2) listed.push(...page.keys);
      return page;
    },
  };
  const never = new AbortController().signal;
  assert.equal(await removeMadeBefore(watched, NOW - 30 * DAY, never), old.length);
  assert.deepEqual(deleted.toSorted(), old.toSorted());
  assert.deepEqual([...objects.keys()].toSorted(), [...young, ...others].toSorted());
  assert.ok(!listed.some((key) => young.includes(key) && key.startsWith('jobs/')));
  // Of a document, the revision that holds goes last.
  for (const key of deleted.filter((one) => one.endsWith('000001.json') && one.startsWith('jobs/')))
    assert.ok(deleted.indexOf(key) < deleted.indexOf(key.replace('000001', '000002')));
  assert.equal(await removeMadeBefore(watched, NOW - 30 * DAY, never), 0);
});
