/** Requests of every shape against descriptions of published models: planned and priced, or refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateRequestSchema, type InputValue, presetSchema } from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { costOf } from '../../shared/plan/cost.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { base, enlarging } from '../support/describedModels.ts';
import { fc } from '../support/properties.ts';

const picture = { data: 'aGk=' };

/** Requests that the schema accepts, of names that exist and names that do not, in every combination. */
const grid = (id: number): number[] => Array.from({ length: 196 }, () => id);
const given: Readonly<Record<string, readonly InputValue[]>> = {
  rgb: [picture, { ...picture, hide: [{ mask: 'aGk=' }] }, { tokens: grid(1) }, 'x'],
  'tok_depth@224': [
    { tokens: grid(0).map((id, i) => (i % 3 === 0 ? null : id)) },
    { tokens: grid(1), hide: { box: [0, 0, 0.1, 1] } },
    { tokens: [1, 2] },
  ],
  caption: ['a cube', { text: 'a [S_1]' }, { value: ['a', 'b'] }, { tokens: [7, null, 40_000] }],
  sound: ['boom'],
};
const values = Object.fromEntries(
  Object.entries(given).map(([name, forms]) => [name, fc.constantFrom(...forms)]),
);
const { sound: _, ...fitting } = values;
const steps = fc.integer({ min: 1, max: 200 });
const weight = fc.integer({ min: -3, max: 3 });
/** What one kind of target takes, the other has no use for. */
const target = fc.oneof(
  fc.record(
    {
      modality: fc.constantFrom('rgb', 'depth', 'clip', 'rgb@448', 'tok_clip@448'),
      scheme: fc.constantFrom('maskgit' as const, 'roar' as const),
      steps,
      guidance_scale: weight,
    },
    { requiredKeys: ['modality'] },
  ),
  fc.record({
    modality: fc.constantFrom('normal', 'caption', 'sound'),
    guidance: fc.dictionary(fc.constantFrom('rgb', 'depth', 'caption', 'constructor'), weight, {
      minKeys: 1,
    }),
  }),
  fc.record({ modality: fc.constantFrom('det', 'metadata', 'color_palette'), max_tokens: steps }),
);
const anyRequest = fc
  .record({
    inputs: fc.oneof(
      { weight: 9, arbitrary: fc.record(fitting, { requiredKeys: [] }) },
      { weight: 1, arbitrary: fc.record(values, { requiredKeys: [] }) },
    ),
    targets: fc.array(target, { maxLength: 3 }),
    preset: fc.constantFrom(undefined, ...presetSchema.options),
    chained: fc.boolean(),
    num_samples: fc.integer({ min: 1, max: 16 }),
  })
  .map((body) => generateRequestSchema.safeParse(body))
  .filter(({ success }) => success)
  .map(({ data }) => data!);

test('any request is planned and priced, or refused with a pointer to one of its fields', () => {
  let planned = 0;
  fc.assert(
    fc.property(anyRequest, (request) => {
      let found: ReturnType<typeof planRequest>;
      try {
        found = planRequest(request, base, [base, enlarging]);
      } catch (error) {
        assert.ok(error instanceof FailureError, String(error));
        const pointer = error.failure.errors![0]!.pointer;
        assert.match(pointer, /^\/(inputs|targets|preset)/);
        return;
      }
      planned++;
      const cost = costOf(found);
      for (const count of Object.values(cost)) assert.ok(Number.isInteger(count) && count >= 0);
      assert.ok(cost.encoderPasses >= 1 && cost.decoderPasses >= 1 && cost.units >= 1);
      for (const { targets } of found.stages) {
        for (const { plan: target, tokens, entry } of targets) {
          if (entry.type !== 'img') continue;
          assert.equal(
            target.counts.reduce((a, b) => a + b, 0),
            tokens,
          );
        }
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(planned > 50, `only ${planned} were planned`);
});
