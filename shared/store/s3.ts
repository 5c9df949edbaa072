/**
 * A store in an S3 bucket: AWS, R2, Ceph, MinIO. Conditions are the server's own (`If-Match`,
 * `If-None-Match` on PUT), so they hold between machines; a server that does not know them answers an
 * error, which we throw. A retried conditional write whose first answer was lost reports
 * `precondition_failed` although it is stored: treat that as "somebody wrote it".
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { assertKey, type PutResult, type Store } from './store.ts';

export interface S3Settings {
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** HTTP status of a failed call, undefined when the server was not reached. */
const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

const failed = (action: string, cause: unknown): Error =>
  new Error(`S3 ${action}: ${cause instanceof Error ? `${cause.name} ${cause.message}` : cause}`, {
    cause,
  });

/** @throws Error (each operation) naming the S3 action and the server's reason */
export function createS3Store(settings: S3Settings): Store {
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

  const store: Store = {
    kind: 's3',
    async get(Key) {
      assertKey(Key);
      try {
        const found = await client.send(new GetObjectCommand({ Bucket, Key }));
        return {
          body: await found.Body!.transformToByteArray(),
          contentType: found.ContentType ?? 'application/octet-stream',
          etag: found.ETag!,
        };
      } catch (cause) {
        if (cause instanceof S3ServiceException && cause.name === 'NoSuchKey') return undefined;
        throw failed(`get ${Key}`, cause);
      }
    },
    async put(Key, Body, options = {}): Promise<PutResult> {
      assertKey(Key);
      try {
        const stored = await client.send(
          new PutObjectCommand({
            Bucket,
            Key,
            Body,
            ContentType: options.contentType ?? 'application/octet-stream',
            ...(options.ifNoneMatch && { IfNoneMatch: options.ifNoneMatch }),
            // Without quotes, as in the AWS manual's examples: Ceph compares the header as it is.
            ...(options.ifMatch !== undefined && { IfMatch: options.ifMatch.replaceAll('"', '') }),
          }),
        );
        return { ok: true, etag: stored.ETag! };
      } catch (cause) {
        const status = statusOf(cause);
        // 409: another conditional write was under way. 404: `If-Match` and nothing is stored.
        const nothingThere =
          options.ifMatch !== undefined &&
          cause instanceof S3ServiceException &&
          cause.name === 'NoSuchKey';
        if (
          status === 412 ||
          (status === 409 && cause instanceof S3ServiceException) ||
          nothingThere
        )
          return { ok: false, code: 'precondition_failed' };
        throw failed(`put ${Key}`, cause);
      }
    },
    async delete(Key) {
      assertKey(Key);
      try {
        await client.send(new DeleteObjectCommand({ Bucket, Key }));
      } catch (cause) {
        throw failed(`delete ${Key}`, cause);
      }
    },
    async list(Prefix, cursor) {
      try {
        const page = await client.send(
          new ListObjectsV2Command({
            Bucket,
            Prefix,
            ...(cursor !== undefined && { ContinuationToken: cursor }),
          }),
        );
        const keys = (page.Contents ?? []).map((entry) => entry.Key!);
        return page.IsTruncated && page.NextContinuationToken !== undefined
          ? { keys, cursor: page.NextContinuationToken }
          : { keys };
      } catch (cause) {
        throw failed(`list ${Prefix}`, cause);
      }
    },
    async check() {
      const key = 'health/check';
      await store.put(key, new Uint8Array([1]));
      if (!(await store.get(key))) throw new Error(`S3 bucket ${Bucket} lost what was written`);
    },
  };
  return store;
}
