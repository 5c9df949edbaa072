/** Jobs without transport: what ends one before it is done, and what becomes of its slot. */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { refusal } from '../../shared/api/problem.ts';
import { fmConfigSchema } from '../../shared/model/config.ts';
import { resolveModalities } from '../../shared/model/modalities.ts';
import type { Job } from '../../worker/jobs/job.ts';
import { createRegistry } from '../../worker/registry/registry.ts';
import { createGate, type Gate } from '../../worker/service/gate.ts';
import { jobSignal } from '../../worker/service/jobSignal.ts';
import { runJob } from '../../worker/service/runJob.ts';
import type { JobServices } from '../../worker/service/services.ts';
import type { GraphRunOptions, LoadedModelSet } from '../../worker/session/types.ts';
import { describeModel, type ServedModel } from '../../worker/tasks/servedModel.ts';
import { answeredBy } from '../support/answeredBy.ts';
import { offerOf, sourceOf } from '../support/offers.ts';
import { REFERENCE_SPECIALS } from '../support/trace.ts';

const names = ['tok_depth@224'];
const modalities = resolveModalities(names);
const stem = modalities['tok_depth@224']?.tokenizer ?? '';

/** A model whose decoder runs until its run is no longer waited for. */
function endless(runs: GraphRunOptions[]): ServedModel {
  const decoder = {
    run: (_feeds: object, _outputs: object, options: GraphRunOptions = {}) => {
      runs.push(options);
      return new Promise((_, reject) => {
        options.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      });
    },
  };
  const manifest = { id: 'vq', parameters: 1, config: { dec_type: 'vit' } };
  const config = {
    domains_in: names,
    domains_out: names,
    dim: 8,
    encoder_depth: 1,
    decoder_depth: 1,
    num_heads: 1,
    act_layer: 'SiLU',
  };
  const loaded = {
    set: { id: 'm', digest: 'd', licence: '' },
    fm: { precision: 'fp32', parameters: 1, modalities, config: fmConfigSchema.parse(config) },
    tokenizers: { [stem]: { kind: 'vqvae', manifest, encoder: decoder, decoder } },
    generate: decoder,
    died: new Promise(() => {}),
    close: () => Promise.resolve(),
  } as unknown as LoadedModelSet;
  return {
    loaded,
    text: { encode: () => [300], decode: () => '', specials: REFERENCE_SPECIALS } as never,
    description: describeModel(loaded),
    scheduler: answeredBy(() => Promise.reject(new Error('it makes nothing'))),
    close: loaded.close,
  };
}

const tokens = Array.from({ length: 196 }, () => 1);
const job: Job<'detokenize'> = {
  kind: 'detokenize',
  request: { request_id: 'r', model: 'm', request: { tokens: { depth: { tokens } }, seed: 0 } },
};
/** Lets everything happen that waits for nothing. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('a job', () => {
  let gate: Gate;
  let runs: GraphRunOptions[];
  let log: Readonly<Record<string, unknown>>[];
  let stopped: AbortController;
  let services: JobServices;
  beforeEach(async () => {
    [runs, log, stopped, gate] = [[], [], new AbortController(), createGate(1, 2)];
    const say = (entry: Readonly<Record<string, unknown>>) => void log.push(entry);
    const model = endless(runs);
    const registry = createRegistry({
      source: sourceOf(offerOf(model.description, async () => model)),
      warmUp: () => Promise.resolve(),
      log: say,
    });
    await registry.load(new AbortController().signal);
    services = { gate, log: say, registry, isStopping: () => false, stopped: stopped.signal };
  });

  test('of whoever is charged is refused for a licence that stands against it, unless the operator accepts it', async () => {
    const charged = { ...job, request: { ...job.request, charged: true } };
    const signal = new AbortController().signal;
    const refused = await runJob(services, charged, { signal });
    assert.equal(!refused.ok && refused.failure.code, 'licence_refused');
    assert.deepEqual([runs.length, gate.running(), gate.waiting()], [0, 0, 0]);
    const gone = new AbortController();
    const accepting = { ...services, acceptsEveryLicence: true };
    const outcome = runJob(accepting, charged, { signal: gone.signal });
    await settled();
    assert.equal(runs.length, 1, 'it runs');
    gone.abort(new Error('gone'));
    await assert.rejects(outcome, /gone/);
  });

  test('whose caller has gone stops its run, frees its slot and has no outcome', async () => {
    const gone = new AbortController();
    const outcome = runJob(services, job, { signal: gone.signal });
    await settled();
    assert.equal(runs.length, 1);
    assert.equal(gate.running(), 1);
    gone.abort(new Error('the caller has gone'));
    await assert.rejects(outcome, /the caller has gone/);
    await settled();
    assert.equal(runs[0]?.signal?.aborted, true);
    assert.equal(gate.running(), 0);
    assert.equal(log.at(-1)?.status, 'gone');
  });

  test('that waits leaves the queue at once', async () => {
    const gone = new AbortController();
    const first = runJob(services, job, { signal: new AbortController().signal });
    const second = runJob(services, job, { signal: gone.signal });
    await settled();
    assert.deepEqual([gate.running(), gate.waiting()], [1, 1]);
    gone.abort(new Error('the caller has gone'));
    await assert.rejects(second, /the caller has gone/);
    assert.deepEqual([gate.running(), gate.waiting()], [1, 0]);
    stopped.abort(refusal('not_ready', 'the worker is stopping'));
    assert.equal((await first).ok, false);
  });

  test('that outlives a drain is told so', async () => {
    const outcome = runJob(services, job, { signal: new AbortController().signal });
    await settled();
    stopped.abort(refusal('not_ready', 'the worker is stopping'));
    assert.deepEqual(await outcome, {
      ok: false,
      failure: { code: 'not_ready', detail: 'the worker is stopping' },
    });
    await settled();
    assert.equal(gate.running(), 0);
  });

  test('has its result stored before its outcome is told', async () => {
    const decoded = { tokens: {}, seed: 0 };
    const order: string[] = [];
    const empty = { ...job, request: { ...job.request, request: decoded } };
    const outcome = await runJob(services, empty as never, {
      signal: new AbortController().signal,
      onResult: async () => {
        await settled();
        order.push('stored');
      },
    });
    order.push('told');
    assert.equal(outcome.ok, true);
    assert.deepEqual(order, ['stored', 'told']);
  });
});

describe('the signal of a job', () => {
  test('passes the first reason on, and lets go of its sources', () => {
    const [caller, drain] = [new AbortController(), new AbortController()];
    const { signal, release } = jobSignal([caller.signal, drain.signal]);
    drain.abort(new Error('stopping'));
    caller.abort(new Error('gone'));
    assert.match(String(signal.reason), /stopping/);
    release();
    const late = new AbortController();
    const other = jobSignal([late.signal]);
    other.release();
    late.abort();
    assert.equal(other.signal.aborted, false);
  });

  test('counts a deadline from the arrival', async () => {
    const arrived = performance.now() - 1000;
    const { signal } = jobSignal([], { milliseconds: 1010, arrived });
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    assert.match(String(signal.reason), /deadline_exceeded: .*its deadline_ms of 1010/);
    assert.equal(jobSignal([], { milliseconds: 1000, arrived }).signal.aborted, true);
  });
});
