/**
 * Requests that are lines of a batch: a worker sends them, signed, and says whose they are. They have the priority of
 * what nobody waits for. Every other request that says so is refused.
 */
import { createMiddleware } from 'hono/factory';
import { LINE_HEADER, readLine, TENANT_HEADER, verifyLine } from '../shared/api/lineHeaders.ts';
import { createNonces } from '../shared/api/nonces.ts';
import { refusal } from '../shared/api/problem.ts';
import { isSignedBody } from '../shared/api/signing.ts';
import type { EdgeEnv } from './problems.ts';

const unauthorized = () =>
  refusal(
    'unauthorized',
    `only a worker may send ${TENANT_HEADER}; the signature is missing, wrong, too old, or was used before`,
  );

const LINES_TOGETHER = 1000;

/** @param secret shared with the workers; nobody can sign without one */
export const lineCaller = (secret: string | undefined) => {
  const nonces = createNonces();
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const tenant = c.req.header(TENANT_HEADER);
    if (tenant === undefined) return await next();
    const header = (name: string): string | undefined => c.req.header(name);
    const now = Date.now() / 1000;
    const signed = secret && (await verifyLine(secret, c.req.path, header, now, nonces));
    if (!signed) throw unauthorized();
    const body = c.get('body');
    c.set('turn', { priority: 'batch', tenant });
    const line = readLine(header(LINE_HEADER));
    if (line) {
      const { batch, number, key } = line;
      c.set('lineKey', key);
      // Lines of a group are claimed together, where several of them were charged again.
      const group = `${batch}/${Math.floor(number / LINES_TOGETHER)}`;
      c.set('once', { group, member: String(number) });
    }
    c.set('body', {
      ...body,
      async bytes(request) {
        const bytes = await body.bytes(request);
        if (!(await isSignedBody(signed, bytes))) throw unauthorized();
        return bytes;
      },
    });
    await next();
  });
};
