/** Middleware: every request gets a body that is read within bounds, and gives back what it held. */
import { createMiddleware } from 'hono/factory';
import type { Body } from './body.ts';
import type { BodyBudget } from './budget.ts';
import { dropRest, readBytes } from './stream.ts';

export const boundBodies = (budget: BodyBudget) =>
  createMiddleware<{ Variables: { body: Body } }>(async (c, next) => {
    const lease = budget.lease();
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    let isRead = false;
    c.set('body', {
      async bytes({ body, headers }) {
        if (!body) return new Uint8Array(0);
        reader = body.getReader();
        const announced = Number(headers.get('content-length') ?? 0);
        const bytes = await readBytes(reader, announced, budget.limits, lease);
        isRead = true;
        return bytes;
      },
    });
    try {
      await next();
    } finally {
      lease.release();
    }
    if (isRead || c.req.method === 'GET' || c.req.method === 'HEAD') return;
    reader ??= c.req.raw.body?.getReader();
    if (reader && !(await dropRest(reader))) c.header('connection', 'close');
  });
