/** The S3 server of the tests, which `infra/s3/start.sh` starts and describes in the environment. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Settings } from '../../shared/store/s3.ts';

const { env } = process;
const NEEDED = ['ENDPOINT', 'ACCESS_KEY', 'SECRET_KEY', 'BUCKET'].map((n) => `FOURM_TEST_S3_${n}`);

/** Why there is no S3 server to test against; undefined when there is one. For `test(..., { skip })`. */
export function s3Missing(): string | undefined {
  const absent = NEEDED.filter((name) => !env[name]);
  return absent.length === 0
    ? undefined
    : `no S3 server: ${absent.join(', ')} not set; run eval "$(bash infra/s3/start.sh)"`;
}

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
  const client = new S3Client({
    region: settings.region,
    endpoint: settings.endpoint,
    forcePathStyle: true,
    credentials: settings,
  });
  // Creating a bucket that is one's own already succeeds in us-east-1.
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return settings;
}
