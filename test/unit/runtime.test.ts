/** The runtime's thread: what is begun and what is not, and how the thread ends. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { startRuntime } from '../../worker/session/runtime.ts';
import { ThreadEndedError } from '../../worker/session/types.ts';
import { temporaryFolder } from '../support/exported.ts';

describe('the thread of a runtime', () => {
  let folder: string;
  before(async () => {
    folder = await temporaryFolder();
  });
  after(() => rm(folder, { recursive: true }));

  test('a run whose caller has gone is not begun; one under way is not waited for', async () => {
    const counting = join(folder, 'counting.mjs');
    await writeFile(
      counting,
      `import { parentPort } from 'node:worker_threads';
       let begun = 0;
       parentPort.on('message', ({ id, kind }) => {
         if (kind === 'end') return parentPort.close();
         begun++;
         const result = { kind: 'outputs', tensors: { begun }, milliseconds: 0 };
         setTimeout(() => parentPort.postMessage({ id, ok: true, result }), 200);
       });`,
    );
    const busy = startRuntime({}, pathToFileURL(counting));
    const run = { kind: 'run', graph: 'g', feeds: {}, outputs: [] } as const;
    const gone = new AbortController();
    const { signal } = gone;
    const underWay = busy.request(run, { signal });
    const waits = busy.request(run, { signal });
    const other = busy.request(run);
    gone.abort(new Error('nobody waits'));
    await assert.rejects(underWay, /nobody waits/);
    await assert.rejects(waits, /nobody waits/);
    await assert.rejects(busy.request(run, { signal }), /nobody waits/);
    const answer = await other;
    assert.deepEqual(answer.kind === 'outputs' && answer.tensors, { begun: 2 });
    await busy.close();
  });

  test('a thread is closed after the run that it is at, never within it', async () => {
    const slow = join(folder, 'slow.mjs');
    const mark = join(folder, 'mark');
    await writeFile(
      slow,
      `import { parentPort } from 'node:worker_threads';
       import { writeFileSync } from 'node:fs';
       parentPort.on('message', ({ kind }) => {
         if (kind === 'end') return parentPort.close();
         const until = Date.now() + 300;
         while (Date.now() < until);
         writeFileSync(${JSON.stringify(mark)}, 'done');
       });`,
    );
    const closing = startRuntime({}, pathToFileURL(slow));
    const run = closing.request({ kind: 'release', graph: 'g' });
    const failed = assert.rejects(run, (error) => {
      assert.ok(error instanceof ThreadEndedError);
      return error.message === 'the model is closed';
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await closing.close();
    await failed;
    assert.equal(await readFile(mark, 'utf8'), 'done');
  });
});
