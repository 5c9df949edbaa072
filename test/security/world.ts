/** What a tenant has, made through the API itself: something of everything that an address can name. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { type Answered, type Asked, ask as request } from './ask.ts';
import type { Place } from './place.ts';

/** Words that a caller sends, and that must never come to stand in a log. */
export const PRIVATE = {
  caption: 'a red box that nobody else may read of',
  hook: 'pAthOfAHook0123456789',
  label: 'private-label-of-a-caller',
} as const;
/** A name without an address: a delivery ends at its lookup. */
export const HOOK = `https://hooks.invalid/${PRIVATE.hook}`;

const TRIES = 2400;

export const json = (method: string, path: string, body: unknown): Asked => ({
  method,
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** Something of each kind, made when it is first asked for; what is called new is made each time, to be used up. */
export interface World {
  /** Sends as the owner. @throws AssertionError when it is no success */
  ok(asked: Asked): Promise<Answered>;
  newJob(): Promise<string>;
  /** A job that has ended, with an event of its webhook. */
  toldJob(): Promise<{ id: string; event: string }>;
  /** One that has ended. */
  batch(): Promise<string>;
  toldBatch(): Promise<{ id: string; event: string }>;
  collection(): Promise<string>;
  newCollection(): Promise<string>;
  /** Of any collection here. */
  item(): Promise<string>;
  head(): Promise<string>;
  newHead(): Promise<string>;
  /** The file of a head, in safetensors. */
  headFile(): Promise<Uint8Array>;
  /** Kept tokens. */
  ref(): Promise<string>;
  /** A result that is stored under no other's name. */
  newResult(): Promise<string>;
  /** An upload that has its bytes: a line of a batch. */
  upload(): Promise<string>;
  newUpload(contentType?: string, bytes?: Uint8Array): Promise<string>;
  /** Address of a link to an output: our own, or the S3 server's. */
  link(): Promise<string>;
  /** Address that an upload's bytes are sent to. */
  newPutLink(): Promise<string>;
}

/** Made once, and remembered. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** @param owner key of the tenant whose world it is */
export function createWorld(place: Place, owner: string): World {
  let count = 0;
  const next = (): string => `${Date.now().toString(36)}-${++count}`;
  async function ok(asked: Asked): Promise<Answered> {
    const answer = await place.as(owner, asked);
    const said = `${asked.method ?? 'GET'} ${asked.path}: ${answer.status} ${answer.text}`;
    assert.ok(answer.status >= 200 && answer.status < 300, said.slice(0, 1000));
    return answer;
  }
  const read = async <T>(asked: Asked): Promise<T> => JSON.parse((await ok(asked)).text) as T;

  async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    for (let tries = 0; tries < TRIES; tries++) {
      const found = await look();
      if (found !== undefined) return found;
      await pause(50);
    }
    return assert.fail(`it never came to this: ${what}`);
  }

  const newUpload: World['newUpload'] = async (
    contentType = 'application/x-ndjson',
    bytes = Buffer.from(`${line('of an upload')}\n`),
  ) => {
    const about = { content_type: contentType, size: bytes.length };
    const headers = { 'content-type': contentType };
    const made = await read<{ id: string; url: string }>(json('POST', '/v1/uploads', about));
    const { origin, pathname, search } = new URL(made.url);
    const sent = { method: 'PUT', path: pathname + search, headers, body: bytes };
    // An S3 server takes it by itself.
    if (place.hasOwnLinks) await ok(sent);
    else assert.equal((await request(origin, sent)).status, 200, made.url);
    return made.id;
  };
  const generate = { inputs: { caption: PRIVATE.caption }, targets: ['depth'] };
  const line = (custom_id: string): string =>
    JSON.stringify({
      custom_id,
      method: 'POST',
      url: '/v1/tokenize',
      body: { inputs: { caption: PRIVATE.caption } },
    });

  async function newJob(more: object = {}): Promise<string> {
    const asked = json('POST', '/v1/generate', { ...generate, seed: count++, ...more });
    const headers = { ...asked.headers, prefer: 'respond-async' };
    return (await read<{ id: string }>({ ...asked, headers })).id;
  }
  const eventOf = (kind: 'jobs' | 'batches', id: string): Promise<string> =>
    until('an event is told', async () => {
      const path = `/v1/${kind}/${id}/deliveries`;
      const { deliveries } = await read<{ deliveries: { id: string; status: string }[] }>({ path });
      return deliveries[0]?.status === 'delivering' ? undefined : deliveries[0]?.id;
    });
  async function batch(query = ''): Promise<string> {
    const { id } = await read<{ id: string }>({
      method: 'POST',
      path: `/v1/batches${query}`,
      headers: { 'content-type': 'application/x-ndjson' },
      body: `${line('one')}\n${line('two')}\n`,
    });
    return await until('a batch has ended', async () => {
      const { status } = await read<{ status: string }>({ path: `/v1/batches/${id}` });
      return ['completed', 'failed', 'expired', 'cancelled'].includes(status) ? id : undefined;
    });
  }
  const newCollection: World['newCollection'] = async () => {
    const name = `mine-${next()}`;
    const embedding = { kind: 'vector', dimensions: 3 };
    const metadata = { year: { type: 'integer' } };
    await ok(json('POST', '/v1/collections', { name, embedding, metadata }));
    const items = [{ id: 'private-item', vector: [1, 2, 3], metadata: { year: 1 } }];
    await ok(json('POST', `/v1/collections/${name}/items`, { items }));
    return name;
  };
  const newHead: World['newHead'] = async () => {
    const name = `mine-${next()}`;
    const examples = ['a red box', 'a blue cone'].flatMap((text, i) =>
      ['', ' on the left'].map((where) => ({
        inputs: { caption: text + where },
        label: i === 0 ? PRIVATE.label : 'other',
      })),
    );
    await ok(json('POST', '/v1/heads', { name, examples, folds: 2 }));
    return name;
  };
  const oneBatch = once(() => batch());
  const head = once(newHead);
  return {
    ok,
    newUpload,
    upload: once(newUpload),
    newCollection,
    collection: once(newCollection),
    newHead,
    head,
    newJob,
    toldJob: once(async () => {
      const id = await newJob({ webhook: HOOK });
      return { id, event: await eventOf('jobs', id) };
    }),
    batch: oneBatch,
    toldBatch: once(async () => {
      const id = await batch(`?webhook=${encodeURIComponent(HOOK)}`);
      return { id, event: await eventOf('batches', id) };
    }),
    item: async () => 'private-item',
    headFile: once(async () => {
      const headers = { accept: 'application/octet-stream', authorization: `Bearer ${owner}` };
      const response = await fetch(`${place.url}/v1/heads/${await head()}`, { headers });
      assert.equal(response.status, 200);
      return new Uint8Array(await response.arrayBuffer());
    }),
    ref: once(async () => {
      const asked = { inputs: { caption: PRIVATE.caption }, keep: true };
      const { inputs } = await read<{ inputs: Record<string, { ref: string }> }>(
        json('POST', '/v1/tokenize', asked),
      );
      return inputs.caption?.ref ?? assert.fail('nothing was kept');
    }),
    async newResult() {
      const asked = json('POST', '/v1/generate', { ...generate, seed: 1000 + count++ });
      return (await read<{ id: string }>(asked)).id;
    },
    link: once(async () => {
      const asked = json('POST', '/v1/generate?inline=false', generate);
      const { outputs } = await read<{ outputs: { depth: { image: string }[] } }>(asked);
      return outputs.depth[0]?.image ?? '';
    }),
    async newPutLink() {
      const about = { content_type: 'application/octet-stream', size: 4 };
      const { url } = await read<{ url: string }>(json('POST', '/v1/uploads', about));
      return url;
    },
  };
}
