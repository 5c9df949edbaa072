/**
 * What an edge asks of a worker about bytes that lie elsewhere: `POST` to `takeInput` of the worker's addresses. The worker
 * fetches an address, or reads an upload, and looks at what it is; the edge never fetches what users name.
 */
import * as z from 'zod';
import { uploadIdSchema } from './uploads.ts';

export const takeInputRequestSchema = z.object({
  request_id: z.string(),
  tenant: z.string().min(1).max(128),
  source: z.union([
    z.strictObject({ url: z.string().min(1).max(4096) }),
    z.strictObject({ upload: uploadIdSchema }),
  ]),
  /** Bytes at most. */
  most: z.number().int().positive(),
  /** Whether the bytes are to be kept in the store, where workers find them; otherwise they are answered. */
  keep: z.boolean(),
});
export type TakeInputRequest = z.infer<typeof takeInputRequestSchema> & {
  /** Never there: work without a model is any worker's. */
  readonly model?: string;
};

export const takenInputSchema = z.object({
  sha256: z.string(),
  /** Bytes. */
  size: z.number().int(),
  /** By the bytes themselves. */
  content_type: z.string(),
  /** The first bytes, in base64. */
  head: z.string(),
  /** Of a picture. */
  width: z.number().int().optional(),
  height: z.number().int().optional(),
  /** All bytes in base64, where they were not kept: that was not asked for, or the worker has no store. */
  data: z.string().optional(),
});
export type TakenInput = z.infer<typeof takenInputSchema>;

/** What stands in a request for bytes that lie in the store. No base64 has a colon. */
const STORED = /^stored:([\w.-]{1,128})\/([0-9a-f]{64})$/;

export const storedInput = (tenant: string, sha256: string): string => `stored:${tenant}/${sha256}`;

export function readStoredInput(
  text: string,
): { readonly tenant: string; readonly sha256: string } | undefined {
  const [, tenant, sha256] = STORED.exec(text.slice(0, 256)) ?? [];
  return tenant !== undefined && sha256 !== undefined ? { tenant, sha256 } : undefined;
}

/** What an answer says of bytes that were given by an address or an upload. */
export const sourcesSchema = z
  .record(
    z.string(),
    z
      .object({
        sha256: z.string().describe('sha256 of the bytes, in hexadecimal'),
        size: z.number().int().describe('Bytes'),
        content_type: z.string().describe('Media type, by the bytes themselves'),
      })
      .meta({ id: 'SourceBytes', description: 'Bytes that an address or an upload gave' }),
  )
  .optional()
  .describe('JSON pointer of an input that was an address or an upload -> the bytes it gave');
export type Sources = NonNullable<z.infer<typeof sourcesSchema>>;
