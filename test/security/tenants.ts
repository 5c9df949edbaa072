/** What belongs to one tenant is not there for any other: the same answer as for what never was. */
import assert from 'node:assert/strict';
import { fillPath } from '../../shared/api/addresses.ts';
import { PROBLEMS } from '../../shared/api/problem.ts';
import { type Route, scopeOf } from '../../shared/api/route.ts';
import type { Asked } from './ask.ts';
import { type Place, problemIn } from './place.ts';
import { ANYBODYS, type Valid } from './valid.ts';
import { createWorld, json, type World } from './world.ts';

/** A name of the same form that nobody has. */
function absent(name: string): string {
  const last = name.at(-1) ?? '';
  return (
    name.slice(0, -1) +
    (/[0-9a-f]/.test(last) ? (last === '0' ? '1' : '0') : last === 'q' ? 'r' : 'q')
  );
}

const withSteps = ({ path }: Route, { asked }: Valid, steps: Valid['steps']): Asked => ({
  ...asked,
  path: fillPath(path, steps),
});

/** An answer with everything taken out that names the request or what it asked for. */
function bare(text: string, names: readonly string[]): string {
  return names
    .flatMap((name) => [name, encodeURIComponent(name)])
    .reduce((left, name) => left.replaceAll(name, 'NAME'), text)
    .replace(/"request_id":"[^"]*"/, '');
}

/** @returns whether the route names anything of a tenant's in its path */
export async function attackTenants(place: Place, route: Route, valid: Valid): Promise<boolean> {
  const names = Object.keys(valid.steps);
  if (names.length === 0 || scopeOf(route) === undefined || ANYBODYS.has(route.id)) return false;
  const stolen = await place.as(place.keys.other, valid.asked);
  const problem = problemIn(stolen, route.id);
  assert.equal(PROBLEMS[problem.code].status, 404, `${route.id}: ${problem.detail}`);
  const never = Object.fromEntries(names.map((name) => [name, absent(valid.steps[name] ?? '')]));
  const nothing = await place.as(place.keys.other, withSteps(route, valid, never));
  const asked = [...Object.values(valid.steps), ...Object.values(never)];
  assert.equal(bare(stolen.text, asked), bare(nothing.text, asked), route.id);
  assert.deepEqual(
    Object.keys(stolen.headers).sort(),
    Object.keys(nothing.headers).sort(),
    route.id,
  );
  // One's own with a part of another's is not there either.
  if (names.length > 1) {
    for (const name of names) {
      const mixed = { ...valid.steps, [name]: absent(valid.steps[name] ?? '') };
      const answer = await place.as(place.keys.one, withSteps(route, valid, mixed));
      assert.equal(answer.status, 404, `${route.id} ${name}`);
    }
  }
  return true;
}

/** Requests whose bodies name what another has. */
export async function attackByNames(place: Place, world: World): Promise<void> {
  const { other } = place.keys;
  const caption = { caption: 'x' };
  const [upload, picture, ref, head, collection] = [
    await world.upload(),
    await world.newUpload('image/png', Buffer.from('never decoded')),
    await world.ref(),
    await world.head(),
    await world.collection(),
  ];
  const items = [{ inputs: { caption: { ref } } }];
  const own = await createWorld(place, other).head();
  const asks: [string, Asked][] = [
    [
      'upload',
      json('POST', '/v1/generate', { inputs: { rgb: { upload: picture } }, targets: ['depth'] }),
    ],
    [
      'mask',
      json('POST', '/v1/generate', {
        inputs: { rgb: { ref, hide: { mask: { upload: picture } } } },
        targets: ['depth'],
      }),
    ],
    ['upload', json('POST', '/v1/tokenize', { inputs: { rgb: { upload: picture } } })],
    [
      'upload',
      json('POST', '/v1/embed', { inputs: { rgb: { upload: picture } }, features: 'mean' }),
    ],
    ['upload', json('POST', '/v1/classify', { inputs: { rgb: { upload: picture } }, head: own })],
    ['upload', json('POST', '/v1/batches', { input: { upload } })],
    ['upload', json('POST', '/v1/batches', { input_file_id: upload })],
    ['ref', json('POST', '/v1/generate', { inputs: { caption: { ref } }, targets: ['depth'] })],
    ['ref', json('POST', '/v1/tokenize', { inputs: { caption: { ref } } })],
    ['ref', json('POST', '/v1/detokenize', { tokens: { caption: { ref } } })],
    ['ref', json('POST', '/v1/embed', { items, features: 'mean' })],
    ['ref', json('POST', '/v1/classify', { items, head: own })],
    ['head', json('POST', '/v1/classify', { inputs: caption, head })],
    [
      'collection',
      json('POST', '/v1/classify', {
        inputs: caption,
        neighbours: { name: collection, label_field: 'year' },
      }),
    ],
    [
      'collection',
      json('POST', '/v1/heads', {
        name: 'x',
        collection: { name: collection, label_field: 'year' },
      }),
    ],
  ];
  for (const [what, asked] of asks) {
    const answer = await place.as(other, asked);
    const named = `${asked.path} with another's ${what}: ${answer.status} ${answer.text}`;
    assert.equal(answer.status, 404, named.slice(0, 600));
    problemIn(answer, named);
  }
  // Nothing of it stands in any list.
  for (const path of ['/v1/jobs', '/v1/batches', '/v1/heads', '/v1/collections']) {
    const { status, text } = await place.as(other, { path });
    assert.equal(status, 200, path);
    for (const name of [head, collection, await (await world.toldJob()).id, await world.batch()])
      assert.ok(!text.includes(name), `${path} tells ${name}`);
  }
  // A secret of its own signs each tenant's webhooks.
  const secretOf = async (key: string): Promise<string> =>
    JSON.parse((await place.as(key, { path: '/v1/webhook-secret' })).text).secret;
  assert.notEqual(await secretOf(other), await secretOf(place.keys.one));
}
