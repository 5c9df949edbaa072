/** Middleware: every request gets a body that is read within bounds, and gives back what it held. */
import { createMiddleware } from 'hono/factory';
import type { Body } from './body.ts';
import type { BodyBudget } from './budget.ts';
import { createDroppedBodies } from './refused.ts';
import { type BodyReader, readBytes, streamBytes } from './stream.ts';

/** Bytes that a request announces; undefined when it does not, or not in numbers. */
function announcedBytes(headers: Headers): number | undefined {
  const text = headers.get('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export function boundBodies(budget: BodyBudget) {
  const dropped = createDroppedBodies();
  return createMiddleware<{ Variables: { body: Body } }>(async (c, next) => {
    const lease = budget.lease();
    let reader: BodyReader | undefined;
    let isRead = false;
    const announced = announcedBytes(c.req.raw.headers);
    c.set('body', {
      async bytes({ body }) {
        if (!body) return new Uint8Array(0);
        reader = body.getReader();
        const bytes = await readBytes(reader, announced, budget.limits, lease);
        isRead = true;
        return bytes;
      },
      async *stream({ body }) {
        if (!body) return;
        reader = body.getReader();
        yield* streamBytes(reader, budget.limits, lease);
        isRead = true;
      },
    });
    let held = 0;
    try {
      await next();
    } finally {
      held = lease.release();
    }
    if (isRead || c.req.method === 'GET' || c.req.method === 'HEAD') return;
    reader ??= c.req.raw.body?.getReader();
    if (!reader) return;
    const rest = announced === undefined ? undefined : announced - held;
    c.res = await dropped.answer(c.res, { reader, rest });
  });
}
