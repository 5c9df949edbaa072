/** The S3 server of the tests, which `infra/s3/start.sh` starts and describes in the environment. */
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { S3Settings } from '../../shared/store/s3.ts';
import type { PlaceAccess } from '../contract/store.ts';

const { env } = process;
const NEEDED = ['ENDPOINT', 'ACCESS_KEY', 'SECRET_KEY', 'BUCKET'].map((n) => `FOURM_TEST_S3_${n}`);

/** Why there is no S3 server to test against; undefined when there is one. For `test(..., { skip })`. */
export function s3Missing(): string | undefined {
  const absent = NEEDED.filter((name) => !env[name]);
  return absent.length === 0
    ? undefined
    : `an S3 server (${absent.join(', ')} not set; run eval "$(bash infra/s3/start.sh)")`;
}

const clientOf = ({ region, endpoint, accessKeyId, secretAccessKey }: S3Settings): S3Client =>
  new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });

/** Its settings, with the bucket there. @throws Error when `s3Missing()` says so */
export async function s3Settings(bucket = env.FOURM_TEST_S3_BUCKET!): Promise<S3Settings> {
  const missing = s3Missing();
  if (missing !== undefined) throw new Error(missing);
  const settings = {
    endpoint: env.FOURM_TEST_S3_ENDPOINT!,
    region: 'us-east-1',
    bucket,
    accessKeyId: env.FOURM_TEST_S3_ACCESS_KEY!,
    secretAccessKey: env.FOURM_TEST_S3_SECRET_KEY!,
  };
  const client = clientOf(settings);
  // Creating a bucket that is one's own already succeeds in us-east-1.
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return settings;
}

/** Settings of a store as edge and worker take them. */
export const s3Environment = (settings: S3Settings): Record<string, string> => ({
  FOURM_STORE: 's3',
  ...(settings.endpoint !== undefined && { S3_ENDPOINT: settings.endpoint }),
  S3_REGION: settings.region,
  S3_BUCKET: settings.bucket,
  S3_ACCESS_KEY_ID: settings.accessKeyId,
  S3_SECRET_ACCESS_KEY: settings.secretAccessKey,
});

/** Objects as they lie in the bucket, with their metadata. */
export async function s3Place(): Promise<PlaceAccess> {
  const settings = await s3Settings();
  const client = clientOf(settings);
  const Bucket = settings.bucket;
  return {
    async read(Key) {
      const { Body, Metadata, ContentType } = await client.send(
        new GetObjectCommand({ Bucket, Key }),
      );
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array(0);
      return { bytes, rest: { Metadata, ContentType } };
    },
    async write(Key, { bytes, rest }) {
      const headers = rest as { Metadata?: Record<string, string>; ContentType?: string };
      await client.send(new PutObjectCommand({ Bucket, Key, Body: bytes, ...headers }));
    },
  };
}
