/**
 * The route table: what every address takes and answers, as values. The edge's routes, the OpenAPI
 * document, the docs page, the reading of forms and the tests read it.
 */
import type { ADDRESSES } from './addresses.ts';
import { BATCH_ROUTES } from './batchRoutes.ts';
import { COLLECTION_ROUTES } from './collectionRoutes.ts';
import { EMBED_ROUTES } from './embedRoutes.ts';
import { HEAD_ROUTES } from './headRoutes.ts';
import { IMAGE_ROUTES } from './imageRoutes.ts';
import { JOB_ROUTES } from './jobRoutes.ts';
import { MCP_ROUTES } from './mcpRoutes.ts';
import { MODEL_ROUTES } from './modelRoutes.ts';
import type { Route } from './route.ts';
import { SERVICE_ROUTES } from './serviceRoutes.ts';
import { UPLOAD_ROUTES } from './uploadRoutes.ts';
import { USAGE_ROUTES } from './usageRoutes.ts';
import { VALUE_ROUTES } from './valueRoutes.ts';
import { WEBHOOK_ROUTES } from './webhookRoutes.ts';

export const ROUTES = {
  ...VALUE_ROUTES,
  ...EMBED_ROUTES,
  ...IMAGE_ROUTES,
  ...COLLECTION_ROUTES,
  ...HEAD_ROUTES,
  ...JOB_ROUTES,
  ...UPLOAD_ROUTES,
  ...BATCH_ROUTES,
  ...WEBHOOK_ROUTES,
  ...MCP_ROUTES,
  ...USAGE_ROUTES,
  ...MODEL_ROUTES,
  ...SERVICE_ROUTES,
} as const satisfies Record<keyof typeof ADDRESSES, Route>;
