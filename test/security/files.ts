/** Hostile files by every way that files come: in JSON, in forms, as uploads, as bodies. */
import assert from 'node:assert/strict';
import { assertTheirs } from './bodies.ts';
import {
  hostileArrays,
  hostileHeads,
  hostileImports,
  hostilePictures,
  oddPictures,
} from './bombs.ts';
import type { Place } from './place.ts';
import { json, type World } from './world.ts';

const base64 = (bytes: Buffer): string => bytes.toString('base64');

export async function attackWithPictures(place: Place, world: World): Promise<void> {
  const { one } = place.keys;
  const generate = (inputs: object) => json('POST', '/v1/generate', { inputs, targets: ['depth'] });
  const hostile = await hostilePictures();
  for (const [what, bytes] of Object.entries(hostile)) {
    const data = base64(bytes);
    assertTheirs(await place.as(one, generate({ rgb: { data } })), what);
    assertTheirs(await place.as(one, generate({ rgb: `data:image/png;base64,${data}` })), what);
    const mask = { caption: { text: 'a box' }, rgb: { data, hide: { mask: data } } };
    assertTheirs(await place.as(one, generate(mask)), `${what} as a mask`);
    assertTheirs(
      await place.as(one, json('POST', '/v1/tokenize', { inputs: { depth: { data } } })),
      what,
    );
    const items = [{ inputs: { rgb: { data } } }];
    assertTheirs(await place.as(one, json('POST', '/v1/embed', { items, features: 'mean' })), what);
  }
  // As uploads, whatever type they are announced as: looked at by the bytes alone.
  for (const what of [
    'an SVG',
    'HTML',
    'a PNG of 100 million pixels',
    'a GIF of 20,000 frames',
  ] as const) {
    const upload = await world.newUpload('image/png', hostile[what]);
    assertTheirs(await place.as(one, generate({ rgb: { upload } })), `${what}, uploaded`);
  }
  for (const [what, bytes] of Object.entries(await oddPictures())) {
    const answer = await place.as(one, generate({ rgb: { data: base64(bytes) } }));
    if (answer.status !== 200) assertTheirs(answer, what);
    assert.doesNotMatch(answer.text, /<script>/, what);
  }
}

export async function attackWithArrays(place: Place): Promise<void> {
  for (const [what, bytes] of Object.entries(hostileArrays()))
    for (const name of ['depth', 'scene_global']) {
      const inputs = { [name]: { data: base64(bytes) } };
      assertTheirs(await place.as(place.keys.one, json('POST', '/v1/tokenize', { inputs })), what);
    }
}

export async function attackWithHeads(place: Place): Promise<void> {
  for (const [what, body] of Object.entries(hostileHeads())) {
    const headers = { 'content-type': 'application/octet-stream' };
    const answer = await place.as(place.keys.one, {
      method: 'PUT',
      path: '/v1/heads/bomb',
      headers,
      body,
    });
    assertTheirs(answer, `a head: ${what}`);
  }
  assert.equal((await place.as(place.keys.one, { path: '/v1/heads/bomb' })).status, 404);
}

export async function attackWithImports(place: Place, world: World): Promise<void> {
  const name = await world.collection();
  const path = `/v1/collections/${name}/import`;
  for (const [type, what, body] of hostileImports()) {
    const answer = await place.as(place.keys.one, {
      method: 'POST',
      path,
      headers: { 'content-type': type },
      body,
    });
    const said = `${type}, ${what}: ${answer.status} ${answer.text.slice(0, 300)}`;
    assert.ok(answer.status === 200 || (answer.status >= 400 && answer.status < 500), said);
    if (answer.status !== 200) assertTheirs(answer, said);
  }
  // What is in the collection can be asked for, whatever it is called.
  const { text } = await world.ok({ path: `/v1/collections/${name}/items` });
  for (const { id } of (JSON.parse(text) as { items: { id: string }[] }).items)
    await world.ok({ path: `/v1/collections/${name}/items/${encodeURIComponent(id)}` });
}
