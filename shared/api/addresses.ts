/**
 * Every address of the public API and of the workers, once. The route table, the client, the dispatcher
 * and the worker's server read it. It holds no schemas, so that the client can do without zod.
 */

/** The public API; `{name}` stands for one step of the path. */
export const ADDRESSES = {
  generate: { method: 'POST', path: '/v1/generate' },
  embed: { method: 'POST', path: '/v1/embed' },
  embeddings: { method: 'POST', path: '/v1/embeddings' },
  imageGenerations: { method: 'POST', path: '/v1/images/generations' },
  imageEdits: { method: 'POST', path: '/v1/images/edits' },
  tokenize: { method: 'POST', path: '/v1/tokenize' },
  detokenize: { method: 'POST', path: '/v1/detokenize' },
  tokens: { method: 'GET', path: '/v1/tokens/{ref}' },
  deleteResult: { method: 'DELETE', path: '/v1/results/{id}' },
  createCollection: { method: 'POST', path: '/v1/collections' },
  collections: { method: 'GET', path: '/v1/collections' },
  collection: { method: 'GET', path: '/v1/collections/{name}' },
  deleteCollection: { method: 'DELETE', path: '/v1/collections/{name}' },
  addItems: { method: 'POST', path: '/v1/collections/{name}/items' },
  items: { method: 'GET', path: '/v1/collections/{name}/items' },
  item: { method: 'GET', path: '/v1/collections/{name}/items/{id}' },
  deleteItem: { method: 'DELETE', path: '/v1/collections/{name}/items/{id}' },
  importItems: { method: 'POST', path: '/v1/collections/{name}/import' },
  search: { method: 'POST', path: '/v1/collections/{name}/search' },
  classify: { method: 'POST', path: '/v1/classify' },
  fitHead: { method: 'POST', path: '/v1/heads' },
  heads: { method: 'GET', path: '/v1/heads' },
  head: { method: 'GET', path: '/v1/heads/{name}' },
  putHead: { method: 'PUT', path: '/v1/heads/{name}' },
  deleteHead: { method: 'DELETE', path: '/v1/heads/{name}' },
  jobs: { method: 'GET', path: '/v1/jobs' },
  job: { method: 'GET', path: '/v1/jobs/{id}' },
  cancelJob: { method: 'DELETE', path: '/v1/jobs/{id}' },
  jobEvents: { method: 'GET', path: '/v1/jobs/{id}/events' },
  createUpload: { method: 'POST', path: '/v1/uploads' },
  upload: { method: 'GET', path: '/v1/uploads/{id}' },
  deleteUpload: { method: 'DELETE', path: '/v1/uploads/{id}' },
  link: { method: 'GET', path: '/v1/links/{permit}' },
  putLink: { method: 'PUT', path: '/v1/links/{permit}' },
  createBatch: { method: 'POST', path: '/v1/batches' },
  batches: { method: 'GET', path: '/v1/batches' },
  batch: { method: 'GET', path: '/v1/batches/{id}' },
  cancelBatch: { method: 'POST', path: '/v1/batches/{id}/cancel' },
  batchOutput: { method: 'GET', path: '/v1/batches/{id}/output' },
  batchErrors: { method: 'GET', path: '/v1/batches/{id}/errors' },
  batchEvents: { method: 'GET', path: '/v1/batches/{id}/events' },
  batchDeliveries: { method: 'GET', path: '/v1/batches/{id}/deliveries' },
  redeliverBatchEvent: {
    method: 'POST',
    path: '/v1/batches/{id}/deliveries/{event}/redeliver',
  },
  jobDeliveries: { method: 'GET', path: '/v1/jobs/{id}/deliveries' },
  redeliverJobEvent: { method: 'POST', path: '/v1/jobs/{id}/deliveries/{event}/redeliver' },
  webhookSecret: { method: 'GET', path: '/v1/webhook-secret' },
  rotateWebhookSecret: { method: 'POST', path: '/v1/webhook-secret/rotate' },
  mcp: { method: 'POST', path: '/mcp' },
  usage: { method: 'GET', path: '/v1/usage' },
  models: { method: 'GET', path: '/v1/models' },
  model: { method: 'GET', path: '/v1/models/{id}' },
  modalities: { method: 'GET', path: '/v1/modalities' },
  healthz: { method: 'GET', path: '/healthz' },
  readyz: { method: 'GET', path: '/readyz' },
  openapi: { method: 'GET', path: '/openapi.json' },
  docs: { method: 'GET', path: '/docs' },
  playground: { method: 'GET', path: '/' },
} as const satisfies Record<string, { method: 'GET' | 'POST' | 'PUT' | 'DELETE'; path: string }>;

/** What a worker answers; `worker.ts` says what each one takes. */
export const WORKER_ADDRESSES = {
  live: { method: 'GET', path: '/v2/health/live' },
  ready: { method: 'GET', path: '/v2/health/ready' },
  /** For Prometheus, where the worker's own port tells them. */
  metrics: { method: 'GET', path: '/metrics' },
  models: { method: 'GET', path: '/internal/models' },
  status: { method: 'GET', path: '/internal/status' },
  generate: { method: 'POST', path: '/internal/generate' },
  embed: { method: 'POST', path: '/internal/embed' },
  tokenize: { method: 'POST', path: '/internal/tokenize' },
  detokenize: { method: 'POST', path: '/internal/detokenize' },
  collections: { method: 'POST', path: '/internal/collections' },
  classify: { method: 'POST', path: '/internal/classify' },
  fitHead: { method: 'POST', path: '/internal/fit-head' },
  readHead: { method: 'POST', path: '/internal/read-head' },
  jobs: { method: 'POST', path: '/internal/jobs' },
  takeInput: { method: 'POST', path: '/internal/take-input' },
} as const satisfies Record<string, { method: 'GET' | 'POST'; path: string }>;

/** `/v1/tokens/{ref}` with its steps filled in and escaped. @throws Error when one is not given */
export const fillPath = (path: string, steps: Readonly<Record<string, string>>): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const step = steps[name];
    if (step === undefined) throw new Error(`the address ${path} needs ${name}`);
    return encodeURIComponent(step);
  });
