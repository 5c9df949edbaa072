/** Examples of operations that say what is loaded, and of the service itself. */
import type { Example } from './example.ts';

export const SERVICE_EXAMPLES = {
  usage: [{ client: () => 'client.usage()' }],
  models: [{ client: () => 'client.models()' }],
  model: [{ path: { id: '4m-shapes' }, client: ({ path }) => `client.model(${path('id')})` }],
  modalities: [{ client: () => 'client.modalities()' }],
  healthz: [{}],
  readyz: [{}],
  openapi: [{ answer: { saveAs: 'openapi.json' } }],
  docs: [{ answer: { saveAs: 'docs.html' } }],
  playground: [{ answer: { saveAs: 'playground.html' } }],
} as const satisfies Record<string, readonly Example[]>;
