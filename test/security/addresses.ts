/** Addresses of callers, in every field that takes one: nothing on this machine or in its network is asked. */
import assert from 'node:assert/strict';
import { standIn } from '../support/guardStandIns.ts';
import { HOSTILE, TO_LOOPBACK } from '../support/hostileAddresses.ts';
import type { Asked } from './ask.ts';
import { assertTheirs } from './bodies.ts';
import type { Place } from './place.ts';
import { json } from './world.ts';

/** Requests that name an address: one for each place that takes one. */
function naming(url: string): Asked[] {
  const ref = `sha256:${'0'.repeat(64)}`;
  const inputs = { rgb: { url } };
  const caption = { caption: 'a box' };
  const webhook = { inputs: caption, targets: ['depth'], webhook: url };
  return [
    json('POST', '/v1/generate', { inputs, targets: ['depth'] }),
    json('POST', '/v1/generate', {
      inputs: { rgb: { ref, hide: { mask: { url } } } },
      targets: ['depth'],
    }),
    json('POST', '/v1/tokenize', { inputs }),
    json('POST', '/v1/embed', { items: [{ inputs }], features: 'mean' }),
    json('POST', '/v1/classify', { inputs }),
    {
      ...json('POST', '/v1/generate', webhook),
      headers: { 'content-type': 'application/json', prefer: 'respond-async' },
    },
    json('POST', '/v1/generate', webhook),
    {
      method: 'POST',
      path: `/v1/batches?webhook=${encodeURIComponent(url)}`,
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{}\n',
    },
  ];
}

export async function attackAddresses(place: Place): Promise<void> {
  const canary = await standIn((_, response) => response.end('reached'));
  try {
    const here = [
      `http://127.0.0.1:${canary.port}/`,
      `https://127.0.0.1:${canary.port}/`,
      `http://localhost:${canary.port}/`,
      `https://[::1]:${canary.port}/`,
      `${place.workerUrl}/internal/models`,
      `${place.url}/v1/models`,
    ];
    // Names are looked up nowhere here: only what an address says by itself is tried against the product.
    const literal = [...TO_LOOPBACK, ...HOSTILE]
      .map(([url]) => url)
      .filter((url) => !/[\w-]+\.test\b/.test(url));
    for (const url of [...here, ...literal])
      for (const asked of naming(url)) {
        const answer = await place.as(place.keys.one, asked);
        assertTheirs(answer, `${asked.path} ${url.slice(0, 80)}`);
      }
    assert.deepEqual(canary.seen, []);
  } finally {
    await canary.close();
  }
}
