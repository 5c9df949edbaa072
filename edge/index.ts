/** The Workers entry (`wrangler dev`, `wrangler deploy`). */
import type { Hono } from 'hono';
import { createConsoleLog } from '../shared/log/consoleLog.ts';
import { createS3Store } from '../shared/store/s3.ts';
import { createLightTracer } from '../shared/tracing/light.ts';
import { createApp } from './app.ts';
import { type Config, parseConfig } from './config.ts';
import { type OpenPage, openBoundPage } from './pages/pages.ts';
import type { EdgeEnv } from './problems.ts';
import { createServices, type Services, secretsOf } from './services.ts';

/** An isolate's numbers are its own, and nobody can ask a certain one for them: it tells a log, and traces. */
function openServices(config: Config, openPage: OpenPage): Services {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: headers } = config;
  const platform = { openPage, openS3: createS3Store };
  if (endpoint === undefined) return createServices(config, platform);
  const options = { service: 'edge', level: config.FOURM_LOG_LEVEL, secrets: secretsOf(config) };
  const write = createConsoleLog(options);
  const log = (message: string): void => write({ event: 'traces', level: 'warn', message });
  const tracer = createLightTracer({ service: '4m-edge', endpoint, headers, log });
  return createServices(config, { ...platform, tracer, flushes: true });
}

/** Made at an isolate's first request, which is the first to see the bindings. */
let app: Hono<EdgeEnv> | undefined;

interface ExecutionContextLike {
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
  props: unknown;
}

// biome-ignore lint/style/noDefaultExport: Workers take their handlers from the default export
export default {
  fetch(
    request: Request,
    env: Record<string, unknown>,
    context: ExecutionContextLike,
  ): Response | Promise<Response> {
    app ??= createApp(openServices(parseConfig(env), openBoundPage(env.ASSETS)));
    return app.fetch(request, env, context);
  },
};
