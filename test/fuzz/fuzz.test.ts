/**
 * Requests made from our own OpenAPI document, valid ones and changed ones: every answer is one that the document
 * tells of, and none is a failure of ours. `FOURM_FUZZ_SEED` sends others, `FOURM_FUZZ_REQUESTS` more of them;
 * `npm run bench -- fuzz` sends 100,000.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type Place, startPlace } from '../security/place.ts';
import { skipWithoutDemo } from '../support/demoSet.ts';
import { fuzz } from './run.ts';

/** The same requests each time, so that a change that nobody made for them does not fail here. */
const SEED = Number(process.env.FOURM_FUZZ_SEED ?? 540_065_972);
const REQUESTS = Number(process.env.FOURM_FUZZ_REQUESTS ?? 10_000);
/** Growth of a process at most. */
const MOST_GROWTH_KIB = 500_000;

describe('fuzzing by the OpenAPI document', { skip: skipWithoutDemo() }, () => {
  let place: Place;
  const residentOf = async (name: 'edge' | 'worker'): Promise<number> => {
    const status = await readFile(`/proc/${place.pids()[name]}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  };
  before(async () => {
    place = await startPlace({ FOURM_LOG_LEVEL: 'warn' });
  });
  after(() => place?.close());

  test(`${REQUESTS} requests: every answer a documented one, no failure of ours`, async () => {
    const before = { edge: await residentOf('edge'), worker: await residentOf('worker') };
    const pids = place.pids();
    const { sent, statuses, faults } = await fuzz(place, { seed: SEED, count: REQUESTS });
    const said = [...faults.values()].slice(0, 20).join('\n');
    assert.equal(
      faults.size,
      0,
      `FOURM_FUZZ_SEED=${SEED}: ${faults.size} kinds of faults\n${said}`,
    );
    assert.equal(sent, REQUESTS);
    assert.deepEqual(place.pids(), pids, 'the same processes are there');
    for (const name of ['edge', 'worker'] as const) {
      const grown = (await residentOf(name)) - before[name];
      assert.ok(grown < MOST_GROWTH_KIB, `${name} has grown by ${grown} KiB`);
    }
    // The requests came as far as they could: many were answered, and not at the first check.
    const answered = [...statuses].filter(([what]) => / 2\d\d$/.test(what));
    const total = answered.reduce((sum, [, times]) => sum + times, 0);
    assert.ok(total > REQUESTS / 10, `${total} of ${REQUESTS} succeeded`);
    assert.ok(answered.length > 25, `${answered.length} operations succeeded`);
  });
});
