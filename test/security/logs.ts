/** Nothing of what callers sent, and no secret, stands in what edge and worker have printed. */
import assert from 'node:assert/strict';
import type { Place } from './place.ts';
import { PRIVATE, type World } from './world.ts';

/** What an address is good by: its last step, or the signature for an S3 server. */
function permitOf(address: string): string {
  const { pathname, searchParams } = new URL(address);
  return searchParams.get('X-Amz-Signature') ?? pathname.split('/').at(-1) ?? '';
}

/** What workerd prints of requests that its own parser refuses, and that never come to the edge. */
const OF_PARSER = /kj\/compat\/http/;

export async function checkLogs(place: Place, world: World): Promise<void> {
  const { secret: signing } = JSON.parse((await world.ok({ path: '/v1/webhook-secret' })).text);
  const secrets: Record<string, string> = {
    ...place.keys,
    ...PRIVATE,
    'internal secret': place.secret,
    'secret of webhooks': signing,
    'permit of a link': permitOf(await world.link()),
    'permit of an upload': permitOf(await world.newPutLink()),
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
    .filter((line) => /"event":"error"|unhandled|Uncaught/.test(line) && !OF_PARSER.test(line));
  assert.deepEqual(ours.slice(0, 5), []);
  assert.doesNotMatch(printed, /root:x:0|evil\.example/);
}
