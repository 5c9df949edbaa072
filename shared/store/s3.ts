/**
 * A store in an S3 bucket: AWS, R2, Ceph, MinIO. Conditions are the server's own (`If-Match`,
 * `If-None-Match` on PUT), so they hold between machines; a server that does not know them answers an
 * error, which we throw. A retried conditional write whose first answer was lost reports
 * `precondition_failed` although it is stored: treat that as "somebody wrote it". The digest is an
 * entry of the object's metadata, so that an object's bytes in the bucket are its bytes.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import * as z from 'zod';
import { present } from '../lookup.ts';
import { createS3Blobs } from './s3Blobs.ts';
import { createServerClock } from './serverClock.ts';
import type { Store } from './store.ts';
import { createStore, type Log, type Place } from './whole.ts';

export interface S3Settings {
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What is read of an answer beside what the SDK makes of it. */
const answeredSchema = z.object({ headers: z.object({ date: z.string() }) });

/** Of the object's metadata: `x-amz-meta-4m-seal`. */
const SEAL = '4m-seal';

/** HTTP status of a failed call, undefined when the server was not reached. */
const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

const failed = (action: string, cause: unknown): Error =>
  new Error(`S3 ${action}: ${cause instanceof Error ? `${cause.name} ${cause.message}` : cause}`, {
    cause,
  });

/** Whether a write failed by its condition, which is for the caller to decide on. */
function isConditionFailed(error: unknown, isMatching: boolean): boolean {
  if (!(error instanceof S3ServiceException)) return false;
  // 409: another conditional write was under way. NoSuchKey: `If-Match` and nothing is stored.
  const status = statusOf(error);
  return status === 412 || status === 409 || (isMatching && error.name === 'NoSuchKey');
}

/** @throws Error (each operation) naming the S3 action and the server's reason */
export function createS3Store(settings: S3Settings, log?: Log): Store {
  const { bucket: Bucket, endpoint, region, accessKeyId, secretAccessKey } = settings;
  const client = new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint }),
    // Buckets as host names need wildcard DNS, which own servers rarely have.
    forcePathStyle: endpoint !== undefined,
    credentials: { accessKeyId, secretAccessKey },
    // Trailing checksums are newer than many S3 servers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });

  const clock = createServerClock();
  client.middlewareStack.add(
    (next) => async (given) => {
      const sent = Date.now();
      const answered = await next(given);
      clock.heard(answeredSchema.safeParse(answered.response).data?.headers.date, sent);
      return answered;
    },
    { step: 'deserialize', name: 'serverClock' },
  );

  const place: Place = {
    kind: 's3',
    now: clock.now,
    async read(Key) {
      try {
        const found = await client.send(new GetObjectCommand({ Bucket, Key }));
        const body = await present(found.Body, `the body of ${Key}`).transformToByteArray();
        return {
          body: new Uint8Array(body),
          contentType: found.ContentType ?? 'application/octet-stream',
          etag: present(found.ETag, `the etag of ${Key}`),
          seal: found.Metadata?.[SEAL],
        };
      } catch (cause) {
        if (cause instanceof S3ServiceException && cause.name === 'NoSuchKey') return undefined;
        throw failed(`get ${Key}`, cause);
      }
    },
    async write(Key, Body, { contentType, seal, ifNoneMatch, ifMatch }) {
      try {
        const stored = await client.send(
          new PutObjectCommand({
            Bucket,
            Key,
            Body,
            ContentType: contentType,
            Metadata: { [SEAL]: seal },
            ...(ifNoneMatch && { IfNoneMatch: ifNoneMatch }),
            // Without quotes, as in the AWS manual's examples: Ceph compares the header as it is.
            ...(ifMatch !== undefined && { IfMatch: ifMatch.replaceAll('"', '') }),
          }),
        );
        return { ok: true, etag: present(stored.ETag, `the etag of ${Key}`) };
      } catch (cause) {
        if (isConditionFailed(cause, ifMatch !== undefined)) {
          return { ok: false, code: 'precondition_failed' };
        }
        throw failed(`put ${Key}`, cause);
      }
    },
    async delete(Key) {
      try {
        await client.send(new DeleteObjectCommand({ Bucket, Key }));
      } catch (cause) {
        throw failed(`delete ${Key}`, cause);
      }
    },
    async list(Prefix, cursor, after) {
      try {
        const page = await client.send(
          new ListObjectsV2Command({
            Bucket,
            Prefix,
            ...(cursor !== undefined && { ContinuationToken: cursor }),
            ...(after !== undefined && { StartAfter: after }),
          }),
        );
        const keys = (page.Contents ?? []).map(({ Key }) => present(Key, 'a listed key'));
        return page.IsTruncated && page.NextContinuationToken !== undefined
          ? { keys, cursor: page.NextContinuationToken }
          : { keys };
      } catch (cause) {
        throw failed(`list ${Prefix}`, cause);
      }
    },
  };
  return createStore(place, createS3Blobs(client, Bucket), log);
}
