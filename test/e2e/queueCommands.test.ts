/** The commands that make queues, and that look once for lost jobs, as an operator runs them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { repositoryRoot } from '../../infra/paths.ts';
import { createJobId } from '../../shared/api/jobId.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import { createSqsQueue } from '../../shared/queue/sqs.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { submitJob } from '../support/consumers.ts';
import { type SqsServer, startSqs } from '../support/sqs.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('commands for queues', () => {
  let sqs: SqsServer;
  let folder: string;
  let env: Record<string, string>;
  before(async () => {
    sqs = await startSqs();
    folder = await mkdtemp(join(tmpdir(), 'fourm-commands-'));
    env = {
      SQS_ENDPOINT: sqs.settings.endpoint ?? '',
      SQS_ACCESS_KEY_ID: 'test',
      SQS_SECRET_ACCESS_KEY: 'test',
    };
  });
  after(async () => {
    await sqs.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const run = (script: string, args: string[], more: Record<string, string> = {}): Promise<Ended> =>
    new Promise((resolve) => {
      const file = join(repositoryRoot, 'dist', script);
      const options = { env: { PATH: process.env.PATH, ...env, ...more } };
      const child = execFile(process.execPath, [file, ...args], options, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
    });

  let printed: Record<string, string> = {};
  test('queues are made with their redrive, and the environment is printed; a second time nothing changes', async () => {
    const first = await run('infra/createQueues.js', ['fleet']);
    assert.equal(first.code, 0, first.stderr);
    printed = Object.fromEntries(
      first.stdout
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const names = ['interactive', 'batch', 'webhooks', 'dead'];
    for (const name of names)
      assert.match(printed[`SQS_QUEUE_URL_${name.toUpperCase()}`] ?? '', /^http.*\/fleet-\w+$/);
    for (const name of names) {
      const { attributes } = sqs.server.inspectQueue(`fleet-${name}`) ?? assert.fail(name);
      assert.equal(attributes.MessageRetentionPeriod, '1209600');
      const redrive = JSON.parse(attributes.RedrivePolicy ?? '{}');
      if (name === 'dead') assert.deepEqual(redrive, {});
      else {
        assert.match(redrive.deadLetterTargetArn, /:fleet-dead$/);
        assert.equal(redrive.maxReceiveCount, 20);
      }
    }
    assert.equal((await run('infra/createQueues.js', ['fleet'])).stdout, first.stdout);
    assert.equal((await run('infra/createQueues.js', ['a b'])).code, 2);
  });

  test('a look finds the job whose message is lost, and needs no models', async () => {
    const store = createDiskStore(join(folder, 'store'), () => {});
    const jobs = createJobStore(store);
    const id = createJobId(Date.now() - 300_000);
    const job = await submitJob(jobs, 'lost', { id }, 86_400_000);
    const settings = { ...printed, FOURM_STORE: 'disk', FOURM_STORE_DIR: join(folder, 'store') };
    const looked = await run('worker/sweepCli.js', [], settings);
    assert.deepEqual(
      [looked.code, looked.stdout],
      [0, '1 jobs and 0 webhooks were sent again\n'],
      looked.stderr,
    );
    const [url = '', deadUrl = ''] = [printed.SQS_QUEUE_URL_BATCH, printed.SQS_QUEUE_URL_DEAD];
    const queue = createSqsQueue(sqs.client, { url, deadUrl, visibilitySeconds: 30 });
    const [message] = await queue.receive({ most: 10, waitSeconds: 1 });
    assert.equal(message?.body, messageOf(job));
    assert.match((await run('worker/sweepCli.js', [], settings)).stdout, /^0 jobs/);
    const wrong = await run('worker/sweepCli.js', [], { ...settings, FOURM_STORE: 'none' });
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /FOURM_QUEUE: sqs needs FOURM_STORE/);
    assert.equal((await run('worker/sweepCli.js', [])).code, 2);
  });
});
