/** Nothing of what callers sent, and no secret, stands in what edge and worker have printed. */
import assert from 'node:assert/strict';
import { internalSecret } from './internal.ts';
import type { Place } from './place.ts';
import { PRIVATE, type World } from './world.ts';

export async function checkLogs(place: Place, world: World): Promise<void> {
  const { secret: signing } = JSON.parse((await world.ok({ path: '/v1/webhook-secret' })).text);
  const secrets: Record<string, string> = {
    ...place.keys,
    ...PRIVATE,
    'internal secret': await internalSecret(place),
    'secret of webhooks': signing,
    'permit of a link': (await world.link()).split('/').at(-1) ?? '',
    'permit of an upload': (await world.newPutLink()).split('/').at(-1) ?? '',
  };
  const printed = await place.printed();
  // The test means something: what was refused was logged.
  assert.match(printed, /"status":401/);
  assert.ok(printed.split('\n').length > 500, 'the requests before have left lines');
  for (const [what, secret] of Object.entries(secrets)) {
    assert.ok(secret.length > 8, what);
    const found = printed
      .split('\n')
      .find((line) => line.includes(secret) || line.includes(encodeURIComponent(secret)));
    assert.equal(found, undefined, `${what}: ${found?.slice(0, 600)}`);
  }
  // What failed here, and not by a caller's doing, would have been told so.
  const ours = printed
    .split('\n')
    .filter((line) => /"event":"error"|unhandled|Uncaught/.test(line));
  assert.deepEqual(ours.slice(0, 5), []);
  assert.doesNotMatch(printed, /root:x:0|evil\.example/);
}
