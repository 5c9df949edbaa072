import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldErrors, pointerOf } from '../../edge/problems.ts';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import { PROBLEMS, problemSchema, toProblem } from '../../shared/api/problem.ts';
import { signInternal, verifyInternal } from '../../shared/api/worker.ts';

test('every code makes a problem that its own schema accepts', () => {
  for (const code of Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[]) {
    const problem = toProblem({ code, detail: 'why' }, 'id', '/v1/generate');
    assert.deepEqual(problemSchema.parse(problem), problem);
    assert.equal(problem.type, `/docs#${code}`);
    assert.ok(problem.status >= 400 && problem.status < 600);
    // Only the server's own troubles can pass by themselves.
    assert.equal(problem.retryable, problem.status >= 500, code);
  }
});

test('pointers escape as RFC 6901 says', () => {
  assert.equal(pointerOf(['a/b', 'm~n', 0]), '/a~1b/m~0n/0');
  assert.equal(pointerOf([]), '');
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

test('internal signatures: right ones hold, anything changed does not', async () => {
  const signature = await signInternal('s', 1000, '/p', 'body');
  const verify = (secret: string, at: number, path: string, body: string, now = 1000) =>
    verifyInternal(secret, at, path, body, signature, now);
  assert.equal(await verify('s', 1000, '/p', 'body'), true);
  assert.equal(await verify('t', 1000, '/p', 'body'), false);
  assert.equal(await verify('s', 1001, '/p', 'body'), false);
  assert.equal(await verify('s', 1000, '/q', 'body'), false);
  assert.equal(await verify('s', 1000, '/p', 'bodY'), false);
  assert.equal(await verify('s', 1000, '/p', 'body', 1301), false);
});
