/**
 * A valid request for every route of the table. What an attack changes of it is then the only thing that is wrong, and
 * what was attacked still does what it should. A route without one fails the suite.
 */
import sharp from 'sharp';
import { fillPath } from '../../shared/api/addresses.ts';
import type { Route } from '../../shared/api/route.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import type { Asked } from './ask.ts';
import { json, type World } from './world.ts';

export interface Valid {
  /** What stands in the steps of the path. */
  readonly steps: Readonly<Record<string, string>>;
  readonly asked: Asked;
}

type Make = (world: World) => Promise<{
  readonly steps?: Valid['steps'];
  readonly body?: unknown;
  readonly bytes?: string | Uint8Array;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}>;

const plain: Make = async () => ({});
const bodied =
  (body: unknown): Make =>
  async () => ({ body });
/** The one step of a path that is called so. */
const named =
  (name: string, of: (world: World) => Promise<string>): Make =>
  async (world) => ({ steps: { [name]: await of(world) } });
const told =
  (of: 'toldJob' | 'toldBatch'): Make =>
  async (world) => ({ steps: await world[of]() });

const caption = { caption: 'a red box' };
const inCollection =
  (more: Awaited<ReturnType<Make>> = {}): Make =>
  async (world) => ({ ...more, steps: { name: await world.collection(), ...more.steps } });
const item =
  (of: 'collection' | 'newCollection'): Make =>
  async (world) => ({ steps: { name: await world[of](), id: await world.item() } });

/** Transparent in its upper half, which says what is to be painted. */
const picture = (): Promise<Buffer> =>
  sharp(Buffer.alloc(64 * 64 * 4).fill(0xff, 64 * 32 * 4), {
    raw: { width: 64, height: 64, channels: 4 },
  })
    .png()
    .toBuffer();

/** A form, files of which are bytes. */
function formOf(fields: Readonly<Record<string, string | Buffer>>): Buffer {
  const parts = Object.entries(fields).flatMap(([name, value]) => {
    const file = typeof value === 'string' ? '' : '; filename="a.png"';
    const head = `--b\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`;
    return [Buffer.from(head), Buffer.from(value), Buffer.from('\r\n')];
  });
  return Buffer.concat([...parts, Buffer.from('--b--\r\n')]);
}

/** The last step of a path. */
const lastOf = (path: string): string => decodeURIComponent(path.split('/').at(-1) ?? '');

/** The id of the model that requests are for. */
async function modelOf(world: World): Promise<string> {
  const { text } = await world.ok({ path: '/v1/models' });
  const { models } = JSON.parse(text) as { models: { id: string }[] };
  return models[0]?.id ?? '';
}

const VALID: Partial<Record<string, Make>> = {
  generate: bodied({ inputs: caption, targets: ['depth'] }),
  embed: bodied({ inputs: caption, features: 'mean' }),
  embeddings: async (world) => ({ body: { input: 'a red box', model: await modelOf(world) } }),
  imageGenerations: bodied({ prompt: 'a red box' }),
  imageEdits: async () => ({
    bytes: formOf({ prompt: 'a red box', image: await picture() }),
    type: 'multipart/form-data; boundary=b',
  }),
  tokenize: bodied({ inputs: caption }),
  detokenize: async (world) => ({ body: { tokens: { caption: { ref: await world.ref() } } } }),
  tokens: named('ref', (world) => world.ref()),
  deleteResult: named('id', (world) => world.newResult()),
  createCollection: async () => ({
    body: {
      name: `made-${crypto.randomUUID()}`,
      embedding: { kind: 'vector', dimensions: 2 },
    },
  }),
  collections: plain,
  collection: inCollection(),
  deleteCollection: named('name', (world) => world.newCollection()),
  addItems: inCollection({ body: { items: [{ id: 'b', vector: [1, 0, 0] }] } }),
  items: inCollection(),
  item: item('collection'),
  deleteItem: item('newCollection'),
  importItems: inCollection({
    bytes: '{"id":"imported","vector":[0,1,0]}\n',
    type: 'application/x-ndjson',
  }),
  search: inCollection({ body: { vector: [1, 2, 3], k: 2 } }),
  classify: async (world) => ({ body: { inputs: caption, head: await world.head() } }),
  fitHead: bodied({
    name: 'fitted',
    folds: 2,
    examples: ['a', 'b'].flatMap((label) =>
      ['a box', 'a cone'].map((text) => ({ inputs: { caption: `${text} ${label}` }, label })),
    ),
  }),
  heads: plain,
  head: named('name', (world) => world.head()),
  putHead: async (world) => ({
    steps: { name: 'put' },
    bytes: await world.headFile(),
    type: 'application/octet-stream',
  }),
  deleteHead: named('name', (world) => world.newHead()),
  jobs: plain,
  job: named('id', async (world) => (await world.toldJob()).id),
  cancelJob: named('id', (world) => world.newJob()),
  jobEvents: named('id', async (world) => (await world.toldJob()).id),
  createUpload: bodied({ content_type: 'image/png', size: 10 }),
  upload: named('id', (world) => world.upload()),
  deleteUpload: named('id', (world) => world.newUpload()),
  link: named('permit', async (world) => lastOf(await world.link())),
  putLink: async (world) => ({
    steps: { permit: lastOf(await world.newPutLink()) },
    bytes: 'four',
    type: 'application/octet-stream',
  }),
  createBatch: async (world) => ({ body: { input: { upload: await world.upload() } } }),
  batches: plain,
  batch: named('id', (world) => world.batch()),
  cancelBatch: named('id', (world) => world.batch()),
  batchOutput: named('id', (world) => world.batch()),
  batchErrors: named('id', (world) => world.batch()),
  batchEvents: named('id', (world) => world.batch()),
  batchDeliveries: told('toldBatch'),
  redeliverBatchEvent: told('toldBatch'),
  jobDeliveries: told('toldJob'),
  redeliverJobEvent: told('toldJob'),
  webhookSecret: plain,
  rotateWebhookSecret: plain,
  usage: plain,
  mcp: async () => ({
    body: {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'list_models', arguments: {} },
    },
    headers: { accept: 'application/json, text/event-stream' },
  }),
  models: plain,
  model: named('id', modelOf),
  modalities: plain,
  healthz: plain,
  readyz: plain,
  openapi: plain,
  docs: plain,
  playground: plain,
};

export const routes: readonly Route[] = Object.values(ROUTES);

/**
 * Routes that answer everybody who names the same: those that make what is named for whoever asks, and those of what
 * belongs to no tenant.
 */
export const ANYBODYS: ReadonlySet<string> = new Set(['putHead', 'model']);

/** A request that is answered 2xx, with what it names made for it; undefined where nobody has said how. */
export async function validFor(route: Route, world: World): Promise<Valid | undefined> {
  const make = Object.hasOwn(VALID, route.id) ? VALID[route.id] : undefined;
  if (!make) return undefined;
  const { steps: given = {}, body, bytes, type = 'application/json', headers } = await make(world);
  const here = Object.entries(given).filter(([name]) => route.path.includes(`{${name}}`));
  const steps = Object.fromEntries(here);
  const path = fillPath(route.path, steps);
  if (body !== undefined) {
    const asked = json(route.method, path, body);
    return { steps, asked: { ...asked, headers: { ...asked.headers, ...headers } } };
  }
  const sent = { ...(bytes !== undefined && { 'content-type': type }), ...headers };
  return { steps, asked: { method: route.method, path, headers: sent, body: bytes } };
}
