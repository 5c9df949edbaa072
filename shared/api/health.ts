/** `GET /healthz` (the process answers) and `GET /readyz` (the first request would succeed). */
import * as z from 'zod';

export const healthSchema = z
  .object({ status: z.literal('ok').describe('The process answers') })
  .meta({ id: 'Health', description: 'The process is alive' });

export const readySchema = z
  .object({
    status: z.literal('ready').describe('The first request would succeed'),
    store: z.enum(['memory', 'disk', 's3']).describe('Where results are stored'),
    models: z.array(z.string()).describe('The loaded models'),
  })
  .meta({ id: 'Ready', description: 'What the service is ready for' });
export type Ready = z.infer<typeof readySchema>;
