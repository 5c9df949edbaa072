/** `GET /healthz` (the process answers) and `GET /readyz` (the first request would succeed). */
import * as z from 'zod';

export const healthSchema = z.object({ status: z.literal('ok') });

export const readySchema = z.object({
  status: z.literal('ready'),
  store: z.enum(['memory', 'disk', 's3']),
  models: z.array(z.string()),
});
export type Ready = z.infer<typeof readySchema>;
