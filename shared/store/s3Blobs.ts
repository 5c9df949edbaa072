/** Blobs in an S3 bucket: plain objects, as an address that was signed beforehand writes and reads them. */
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { present } from '../lookup.ts';
import { type BlobInfo, type Blobs, collect } from './blobs.ts';
import { assertKey } from './store.ts';

const isAbsent = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404;

const failed = (action: string, cause: unknown): Error =>
  new Error(`S3 ${action}: ${cause instanceof Error ? `${cause.name} ${cause.message}` : cause}`, {
    cause,
  });

/** Undefined where nothing lies there. @throws Error naming the action */
async function unlessAbsent<T>(action: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw failed(action, cause);
  }
}

/** The pieces of a body: of a web stream on Workers, of a stream of Node's there. */
async function* piecesOf(body: unknown): AsyncGenerator<Uint8Array> {
  if (body instanceof ReadableStream) {
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }
  yield* body as AsyncIterable<Uint8Array>;
}

export function createS3Blobs(client: S3Client, Bucket: string): Blobs {
  return {
    async write(Key, source) {
      assertKey(Key);
      const Body =
        source instanceof Uint8Array ? source : present(await collect(source), 'the source');
      try {
        await client.send(new PutObjectCommand({ Bucket, Key, Body }));
      } catch (cause) {
        throw failed(`put ${Key}`, cause);
      }
    },
    info: (key) =>
      unlessAbsent(`head ${key}`, async () => {
        const found = await client.send(new HeadObjectCommand({ Bucket, Key: key }));
        const modified = found.LastModified?.getTime() ?? 0;
        return { key, size: found.ContentLength ?? 0, modified };
      }),
    read: (Key, from = 0) =>
      unlessAbsent(`get ${Key}`, async () => {
        const Range = from > 0 ? `bytes=${from}-` : undefined;
        const found = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
        return piecesOf(present(found.Body, `the body of ${Key}`));
      }),
    async touch(Key) {
      // A copy onto itself has to change something.
      await unlessAbsent(`copy ${Key}`, () =>
        client.send(
          new CopyObjectCommand({
            ...{ Bucket, Key, CopySource: `${Bucket}/${Key}`, MetadataDirective: 'REPLACE' },
            Metadata: { touched: String(Date.now()) },
          }),
        ),
      );
    },
    async delete(Key) {
      try {
        await client.send(new DeleteObjectCommand({ Bucket, Key }));
      } catch (cause) {
        throw failed(`delete ${Key}`, cause);
      }
    },
    async *list(Prefix) {
      let cursor: string | undefined;
      do {
        const page = await client
          .send(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken: cursor }))
          .catch((cause: unknown) => {
            throw failed(`list ${Prefix}`, cause);
          });
        for (const { Key, Size = 0, LastModified } of page.Contents ?? [])
          yield {
            key: present(Key, 'a listed key'),
            size: Size,
            modified: LastModified?.getTime() ?? 0,
          } satisfies BlobInfo;
        cursor = page.IsTruncated ? page.NextContinuationToken : undefined;
      } while (cursor !== undefined);
    },
  };
}
