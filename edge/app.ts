/** The edge's whole middleware and route order. */
import { Hono } from 'hono';
import { contextStorage } from 'hono/context-storage';
import { cors } from 'hono/cors';
import { createMiddleware } from 'hono/factory';
import { secureHeaders } from 'hono/secure-headers';
import { ADDRESSES } from '../shared/api/addresses.ts';
import { BATCH_URLS } from '../shared/api/batches.ts';
import type { Route } from '../shared/api/route.ts';
import { ROUTES } from '../shared/api/routes.ts';
import { createGuard } from './auth/guard.ts';
import { createAllowsOrigin } from './auth/origins.ts';
import { boundBodies } from './body/boundBodies.ts';
import { createBodyBudget } from './body/budget.ts';
import { createEmbeddingsRoute } from './compatible/embeddings.ts';
import { createImageRoutes } from './compatible/imageRoutes.ts';
import { openAiError, openAiErrors } from './compatible/openAiErrors.ts';
import { createIdempotency } from './idempotency.ts';
import { lineCaller } from './lineCaller.ts';
import type { AskApp } from './mcp/call.ts';
import { mcpErrors } from './mcp/errors.ts';
import { createMcpRoute } from './mcp/route.ts';
import { type EdgeContext, type EdgeEnv, failureOf, problemResponse } from './problems.ts';
import { PROVENANCE_HEADERS } from './provenance.ts';
import { createBatchRoutes } from './routes/batches.ts';
import { createClassifyRoutes } from './routes/classify.ts';
import { createItemRoutes } from './routes/collectionItems.ts';
import { createCollectionRoutes } from './routes/collections.ts';
import { createDetokenizeRoute } from './routes/detokenize.ts';
import { createEmbedRoute } from './routes/embed.ts';
import { createGenerateRoute } from './routes/generate.ts';
import { createHeadRoutes } from './routes/heads.ts';
import { createReadyRoute, healthz } from './routes/health.ts';
import { createImportRoute } from './routes/import.ts';
import { createJobRoutes } from './routes/jobs.ts';
import { createLinkRoutes } from './routes/links.ts';
import { createModalitiesRoute } from './routes/modalities.ts';
import { createModelRoutes } from './routes/models.ts';
import { createPageRoutes } from './routes/pages.ts';
import { createDeleteResultRoute } from './routes/results.ts';
import { createSearchRoute } from './routes/search.ts';
import { createTokenizeRoute } from './routes/tokenize.ts';
import { createTokensRoute } from './routes/tokens.ts';
import { createUploadRoutes } from './routes/uploads.ts';
import { createUsageRoute } from './routes/usage.ts';
import { createWebhookRoutes } from './routes/webhooks.ts';
import type { Services } from './services.ts';
import { watchRequests } from './watchRequests.ts';

type Handler = (c: EdgeContext) => Response | Promise<Response>;

/** Every route of the table has a handler: the compiler sees to it. */
const handlers = (services: Services, ask: AskApp): Record<keyof typeof ROUTES, Handler> => ({
  generate: createGenerateRoute(services),
  embed: createEmbedRoute(services),
  embeddings: createEmbeddingsRoute(services),
  ...createImageRoutes(services),
  mcp: createMcpRoute(services, ask),
  tokenize: createTokenizeRoute(services),
  detokenize: createDetokenizeRoute(services),
  tokens: createTokensRoute(services),
  deleteResult: createDeleteResultRoute(services),
  ...createCollectionRoutes(services),
  ...createItemRoutes(services),
  importItems: createImportRoute(services),
  search: createSearchRoute(services),
  ...createClassifyRoutes(services),
  ...createHeadRoutes(services),
  ...createJobRoutes(services),
  ...createUploadRoutes(services),
  ...createLinkRoutes(services),
  ...createBatchRoutes(services),
  ...createWebhookRoutes(services),
  usage: createUsageRoute(services),
  ...createModelRoutes(services),
  modalities: createModalitiesRoute(services),
  healthz,
  readyz: createReadyRoute(services),
  ...createPageRoutes(services.openPage),
});

/** What lets work go on after an answer; Node has none. */
function executionOf(c: EdgeContext): EdgeContext['executionCtx'] | undefined {
  try {
    return c.executionCtx;
  } catch {
    return undefined;
  }
}

/** `/v1/tokens/{ref}`, as OpenAPI writes it -> `/v1/tokens/:ref`. */
const honoPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

/** Whether an address is one of a route's. */
function fits(path: string, address: string): boolean {
  const [pattern, steps] = [path.split('/'), address.split('/')];
  return (
    pattern.length === steps.length &&
    pattern.every((step, i) => step === steps[i] || (step.startsWith('{') && steps[i] !== ''))
  );
}

/** Addresses that OpenAI's clients ask. */
const OPEN_AI = ['embeddings', 'imageGenerations', 'imageEdits', 'models', 'model'] as const;

/** What an address answers; nothing where there is none. */
function methodsOf(address: string): string[] {
  const here: Route[] = Object.values(ROUTES).filter(({ path }) => fits(path, address));
  const own = here.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return own.length > 0 ? [...own, 'OPTIONS'] : [];
}

export function createApp(services: Services): Hono<EdgeEnv> {
  const app = new Hono<EdgeEnv>();
  const { config } = services;

  // Lines of the log name the request that they belong to, wherever they are written.
  app.use(contextStorage());
  app.use(watchRequests(services));
  for (const id of OPEN_AI) app.use(honoPath(ADDRESSES[id].path), openAiErrors);
  app.use(ADDRESSES.mcp.path, mcpErrors);
  app.use(
    boundBodies(
      createBodyBudget({
        bytes: config.FOURM_MAX_BODY_BYTES,
        bytesTogether: config.FOURM_BODIES_BYTES,
        seconds: config.FOURM_BODY_SECONDS,
      }),
    ),
  );
  const fromWorker = lineCaller(config.FOURM_WORKER_SECRET);
  for (const path of BATCH_URLS) app.use(path, fromWorker);
  // Pages set their own content security policies.
  app.use(secureHeaders({ crossOriginResourcePolicy: false, strictTransportSecurity: false }));
  if (config.FOURM_CORS_ORIGIN !== 'none') {
    const allows = createAllowsOrigin(config);
    const isAny = allows('https://any.example');
    const crossOrigin = cors({
      origin: isAny ? '*' : (origin) => (allows(origin) ? origin : null),
      allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
      exposeHeaders: [
        ...['age', 'cache-status', 'etag', 'location', 'preference-applied', 'retry-after'],
        ...['x-request-id', 'x-4m-result', ...Object.keys(PROVENANCE_HEADERS)],
        ...[
          'x-4m-charged',
          'idempotent-replayed',
          'ratelimit',
          'ratelimit-policy',
          'www-authenticate',
        ],
      ],
      maxAge: 86_400,
    });
    app.use(async (c, next) => {
      if (c.req.method === 'OPTIONS') {
        const preflight = await crossOrigin(c, next);
        const methods = methodsOf(c.req.path);
        if (methods.length > 0) preflight?.headers.set('allow', methods.join(', '));
        return preflight;
      }
      // After the answer, whose headers it then only adds to: before, the answer would be made a second time.
      await next();
      return await crossOrigin(c, async () => {});
    });
  }

  const all = handlers(services, (request, c) => app.fetch(request, c.env, executionOf(c)));
  for (const [id, route] of Object.entries(ROUTES)) {
    const handler = all[id as keyof typeof ROUTES];
    const named = createMiddleware<EdgeEnv>(async (c, next) => {
      c.set('route', id);
      await next();
    });
    const guard = createGuard(services, route);
    const once = createIdempotency(services, route);
    app.on(route.method, honoPath(route.path), named, guard, once, handler);
  }

  app.notFound((c) => {
    const methods = methodsOf(c.req.path);
    if (methods.length === 0) {
      // Their clients ask for more addresses than there are here.
      c.set('beside', openAiError);
      return problemResponse(c, { code: 'not_found', detail: `there is no ${c.req.path}` });
    }
    if (c.req.method === 'OPTIONS')
      return c.body(null, { status: 204, headers: { allow: methods.join(', ') } });
    const detail = `${c.req.path} answers ${methods.join(', ')}, not ${c.req.method}`;
    return problemResponse(
      c,
      { code: 'method_not_allowed', detail },
      { allow: methods.join(', ') },
    );
  });
  app.onError((error, c) => {
    // Nobody reads the answer of a caller who has gone; 499 is what logs of servers call it.
    if (c.req.raw.signal.aborted) return new Response(null, { status: 499 });
    return problemResponse(c, failureOf(error, services, c.get('requestId')));
  });
  return app;
}
