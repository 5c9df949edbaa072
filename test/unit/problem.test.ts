import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import { fieldErrors } from '../../shared/api/parse.ts';
import { pointerBelow, pointerSteps, pointerTo } from '../../shared/api/pointer.ts';
import { PROBLEMS, toProblem } from '../../shared/api/problem.ts';
import { problemSchema } from '../../shared/api/problemSchema.ts';

test('every code makes a problem that its own schema accepts', () => {
  for (const code of Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[]) {
    const problem = toProblem({ code, detail: 'why' }, 'id', '/v1/generate');
    assert.deepEqual(problemSchema.parse(problem), problem);
    const registered = {
      quota_exceeded: 'quota-exceeded',
      overloaded: 'temporary-reduced-capacity',
    };
    const name = registered[code as keyof typeof registered];
    const type = name && `https://iana.org/assignments/http-problem-types#${name}`;
    assert.equal(problem.type, type ?? `/docs#${code}`);
    assert.ok(problem.status >= 400 && problem.status < 600);
    // Only the server's own troubles, and those of the network, can pass by themselves; not those that
    // come again.
    const comesAgain =
      ['time_limit_exceeded', 'not_cached', 'attempts_exhausted'].includes(code) ||
      problem.status === 501;
    const mayPass =
      (problem.status >= 500 && !comesAgain) ||
      [408, 424, 429].includes(problem.status) ||
      // What is under way ends.
      ['batch_unfinished', 'idempotency_conflict'].includes(code);
    assert.equal(problem.retryable, mayPass, code);
  }
});

test('pointers escape as RFC 6901 says', () => {
  assert.equal(pointerTo('a/b', 'm~n', 0), '/a~1b/m~0n/0');
  assert.equal(pointerTo(), '');
  assert.equal(pointerBelow('/a~1b', '~1'), '/a~1b/~01');
  // The examples of RFC 6901, sections 5 and 6.
  for (const [pointer, steps] of [
    ['', []],
    ['/foo/0', ['foo', '0']],
    ['/', ['']],
    ['/a~1b', ['a/b']],
    ['/m~0n', ['m~n']],
    ['/ ', [' ']],
  ] as const) {
    assert.deepEqual(pointerSteps(pointer), steps);
    assert.deepEqual(pointerSteps(`#${pointer}`), steps);
    assert.equal(pointerTo(...steps), pointer);
  }
  assert.deepEqual(pointerSteps('/~01'), ['~1']);
});

test("a union's refusal names the field inside", () => {
  const parsed = generateRequestSchema.safeParse({
    inputs: { rgb: { tokens: [-1] } },
    targets: [{ modality: 'depth', top_p: 2 }],
  });
  assert.deepEqual(
    fieldErrors(parsed.error!.issues).map(({ pointer }) => pointer),
    ['/inputs/rgb/tokens/0', '/targets/0/top_p'],
  );
});
