/** Middleware: every request gets a body that is read within bounds, and gives back what it held. */
import { createMiddleware } from 'hono/factory';
import type { Body } from './body.ts';
import type { BodyBudget } from './budget.ts';
import { createDroppedBodies } from './refused.ts';
import { type BodyReader, readBytes, readShort, SHORT_BODY, streamBytes } from './stream.ts';

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
    let isTaken = false;
    const announced = announcedBytes(c.req.raw.headers);
    c.set('body', {
      async bytes(request) {
        const { limits } = budget;
        if (announced !== undefined && announced <= Math.min(SHORT_BODY, limits.bytes)) {
          lease.hold(announced);
          isTaken = true;
          const bytes = await readShort(request, announced, limits);
          isRead = true;
          return bytes;
        }
        const { body } = request;
        if (!body) return new Uint8Array(0);
        reader = body.getReader();
        const bytes = await readBytes(reader, announced, limits, lease);
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
    // The platform reads it to its end, for an answer that came before.
    if (isTaken) return c.res.headers.set('connection', 'close');
    reader ??= c.req.raw.body?.getReader();
    if (!reader) return;
    const rest = announced === undefined ? undefined : announced - held;
    c.res = await dropped.answer(c.res, { reader, rest });
  });
}
