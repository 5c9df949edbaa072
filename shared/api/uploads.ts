/** `/v1/uploads`: bytes that are sent once, before the requests that name them. */
import * as z from 'zod';
import { UPLOAD_ID } from './uploadId.ts';

export const uploadIdSchema = z
  .string()
  .regex(UPLOAD_ID, 'must be the id of an upload')
  .describe('Id of an upload');

/** `type/subtype`, with parameters or without. */
export const MEDIA_TYPE = /^[\w!#$&^.+-]{1,80}\/[\w!#$&^.+-]{1,80}(;[\x20-\x7e]{1,100})?$/;

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a sha256, as 64 hexadecimal digits')
  .describe('sha256 of the bytes, in hexadecimal; other bytes are refused where they are used');
const size = z.number().int().min(1).describe('Bytes; a body of another length is refused');
const contentType = z
  .string()
  .regex(MEDIA_TYPE, 'must be a media type such as image/png')
  .describe('What is going to be sent; the body has to say the same');

export const createUploadRequestSchema = z
  .strictObject({
    content_type: contentType,
    size: size.optional(),
    sha256: digest.optional(),
  })
  .meta({ id: 'CreateUploadRequest', description: 'What is going to be uploaded' });
export type CreateUploadRequest = z.infer<typeof createUploadRequestSchema>;

const time = z.string().describe('Time, as RFC 3339 writes it');

export const uploadSchema = z
  .object({
    id: uploadIdSchema,
    status: z
      .enum(['waiting', 'arrived'])
      .describe('Whether the bytes are there: nothing can be done with an upload before'),
    content_type: contentType,
    size: z
      .number()
      .int()
      .optional()
      .describe('Bytes that are there, or that were announced; absent where neither is known'),
    sha256: digest.optional(),
    created_at: time.describe('When it was asked for'),
    expires_at: time.describe('When it is removed'),
  })
  .meta({ id: 'Upload', description: 'Bytes that requests can name' });
export type Upload = z.infer<typeof uploadSchema>;

export const createdUploadSchema = uploadSchema
  .extend({
    method: z.literal('PUT').describe('Method of the request that sends the bytes'),
    url: z.string().describe('Its address, which needs no further authentication'),
    headers: z
      .record(z.string(), z.string())
      .describe('Headers that it has to carry; a client sets content-length by itself'),
    url_expires_at: time.describe('When the address ends'),
  })
  .meta({ id: 'CreatedUpload', description: 'An upload, and where its bytes are sent to' });
export type CreatedUpload = z.infer<typeof createdUploadSchema>;
