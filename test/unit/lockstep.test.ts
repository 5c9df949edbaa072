/** Several generations side by side, with arrays in place of a model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PUBLISHED_MODALITIES } from '../../shared/model/modalities.ts';
import type { TargetPlan } from '../../shared/schedule.ts';
import { type RunRequests, runLockstep } from '../../worker/batching/lockstep.ts';
import type { ForwardRequest } from '../../worker/engine/forward.ts';
import { type Engine, generate } from '../../worker/engine/generate.ts';
import { seededChance } from '../../worker/engine/sampling.ts';
import { fullTokens } from '../../worker/engine/tokenState.ts';
import { REFERENCE_SPECIALS } from '../support/trace.ts';

const VOCABULARY = 12;
/** Logits that depend on what was visible and where, so that a mixed-up row would show. */
const fakeModel = (seen: ForwardRequest[][]): RunRequests => {
  const hash = (text: string): number =>
    [...text].reduce((h, c) => (h * 31 + c.charCodeAt(0)) | 0, 7);
  return async (requests) => {
    seen.push([...requests]);
    return requests.map((request) => {
      if (request.kind === 'encode') {
        const context = { key: request.key, tokens: 1, data: Float32Array.of(0) };
        return { kind: 'encode', context };
      }
      const rows = request.causal ? [request.ids!.length] : request.positions;
      const data = Float32Array.from(
        rows.flatMap((row) =>
          Array.from({ length: VOCABULARY }, (_, v) =>
            Math.sin(hash(`${request.context.key}${request.ids} ${row} ${v}`)),
          ),
        ),
      );
      return { kind: 'decode', logits: { rows: rows.length, vocabulary: VOCABULARY, data } };
    });
  };
};

const target = (modality: string, extra: Partial<TargetPlan> = {}): TargetPlan => ({
  modality,
  scheme: 'roar',
  counts: [1],
  stepTemperatures: [1],
  temperature: 1,
  topK: 0,
  topP: 0,
  guidanceScale: 1,
  maxTokens: 8,
  ...extra,
});
const global = 'tok_dinov2_global';
const other = 'tok_imagebind_global';
const inputs = new Map([['tok_clip@224', fullTokens([1, 2, 3])]]);
const engine = (sample: number): Engine => ({
  modalities: PUBLISHED_MODALITIES,
  specials: REFERENCE_SPECIALS,
  chance: seededChance(5, sample),
});
const steps = { counts: [4, 4, 4, 4], stepTemperatures: [1, 1, 1, 1] };
const run = async (targets: readonly TargetPlan[], samples: readonly number[], chained = false) => {
  const seen: ForwardRequest[][] = [];
  const passes = { encoder: 0, decoder: 0 };
  const plan = { targets, chained, conditioning: ['tok_clip@224'] };
  const forwards = samples.map((sample) => generate(engine(sample), plan, inputs));
  const results = await runLockstep(forwards, fakeModel(seen), passes);
  return { results, seen, passes };
};

test('a sample is the same alone and beside others', async () => {
  for (const scheme of ['roar', 'maskgit'] as const) {
    const targets = [
      target(global, { ...steps, scheme }),
      target('caption', { scheme: 'autoregressive' }),
    ];
    const together = await run(targets, [0, 1, 2]);
    for (const sample of [0, 1, 2]) {
      assert.deepEqual((await run(targets, [sample])).results[0], together.results[sample]);
    }
    assert.notDeepEqual(together.results[0], together.results[1]);
    assert.equal(together.results[0]!.get(global)!.length, 16);
  }
});

test('unchained targets share one encoder pass, chained ones see what came before', async () => {
  const one = { counts: [16], stepTemperatures: [1] };
  const targets = [target(global, one), target(other, one)];
  const apart = await run(targets, [0, 1, 2]);
  // The same inputs and positions: samples share the decoder passes too.
  assert.deepEqual(apart.passes, { encoder: 1, decoder: 6 });
  const chained = await run(targets, [0], true);
  assert.deepEqual(chained.passes, { encoder: 2, decoder: 2 });
  const states = chained.seen
    .flat()
    .flatMap((r) => (r.kind === 'encode' ? [[...r.state.keys()]] : []));
  assert.deepEqual(states, [['tok_clip@224'], ['tok_clip@224', global]]);
});

test('guidance empties the inputs, and finished pictures join them', async () => {
  const guided = { counts: [16], stepTemperatures: [1], guidanceScale: 2 };
  const { seen } = await run([target(global, guided), target(other, guided)], [0], true);
  const states = seen.flat().flatMap((r) => (r.kind === 'encode' ? [[...r.state.keys()]] : []));
  // The second target's unconditional state is empty again, and its encoder output still at hand.
  assert.deepEqual(states, [['tok_clip@224'], [], ['tok_clip@224', global]]);
});

test('a sequence target shows its first sentinel, and ends at [EOS] or the closing sentinel', async () => {
  const settings = { scheme: 'autoregressive', temperature: 0 } as const;
  const { seen, results } = await run([target('caption', settings)], [0]);
  const [first] = seen.flat();
  assert.ok(first?.kind === 'encode');
  assert.deepEqual(first.state.get('caption'), fullTokens([5]));
  const causal = seen.flat().filter((r) => r.kind === 'decode');
  assert.ok(causal.length <= 8 && causal.every((r) => r.causal && r.ids![0] === 5));
  const ids = results[0]!.get('caption')!;
  assert.ok(ids.slice(0, -1).every((id) => id !== 3));
});

test('an abort stops between two rounds', async () => {
  const plan = { targets: [target(global, steps)], chained: false, conditioning: [] };
  const controller = new AbortController();
  let rounds = 0;
  const model = fakeModel([]);
  const counting: RunRequests = async (requests) => {
    if (++rounds === 3) controller.abort(new Error('gone'));
    return await model(requests);
  };
  const forwards = [generate(engine(0), plan, inputs)];
  await assert.rejects(
    runLockstep(forwards, counting, { encoder: 0, decoder: 0 }, controller.signal),
    /gone/,
  );
  assert.equal(rounds, 3);
});
