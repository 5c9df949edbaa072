/** The Workers entry (`wrangler dev`, `wrangler deploy`). */
import type { Hono } from 'hono';
import { createApp } from './app.ts';
import { parseConfig } from './config.ts';
import type { EdgeEnv } from './problems.ts';
import { createServices } from './services.ts';

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
    app ??= createApp(createServices(parseConfig(env)));
    return app.fetch(request, env, context);
  },
};
