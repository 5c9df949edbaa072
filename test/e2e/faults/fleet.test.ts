/** A small fleet while everything fails: nothing that was acknowledged is lost, and all of it is right. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runFaults } from '../../faults/run.ts';
import { exportDemo, skipWithoutDemo } from '../../support/demoSet.ts';
import { s3Missing, s3Settings } from '../../support/s3.ts';

test('jobs, batches and webhooks outlive kills, an empty queue, a failing store and clocks that are wrong', {
  skip: skipWithoutDemo(),
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-faults-'));
  const set = await exportDemo();
  const said: string[] = [];
  try {
    const report = await runFaults({
      modelsFolder: set.modelsFolder,
      folder,
      s3: s3Missing() === undefined ? await s3Settings(`faults-${Date.now()}`) : undefined,
      jobs: 14,
      batches: 2,
      linesOfBatch: 4,
      kills: 6,
      seconds: 24,
      // So short that the second attempt of each webhook finds the receiver back.
      longSeconds: 2,
      seed: 3,
      patienceSeconds: 300,
      log: (line) => said.push(line),
    });
    const { jobsLost, jobsWrong, webhooksLost, webhooksDoubled, webhooksRefused } = report;
    const { chargedTwice, chargesMissed } = report;
    assert.deepEqual([chargedTwice, chargesMissed], [0, 0], report.findings.join('\n'));
    assert.deepEqual(
      { jobsLost, jobsWrong, webhooksLost, webhooksDoubled, webhooksRefused },
      { jobsLost: 0, jobsWrong: 0, webhooksLost: 0, webhooksDoubled: 0, webhooksRefused: 0 },
      [...report.findings, ...said].join('\n'),
    );
  } finally {
    await set.remove();
    await rm(folder, { recursive: true, force: true });
  }
});
