/** Addresses of an S3 server that are signed beforehand (AWS Signature Version 4, in the query). */
import { AwsV4Signer } from 'aws4fetch';

export interface S3Place {
  /** Absent for AWS itself. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Presigned {
  readonly method: 'GET' | 'PUT';
  readonly key: string;
  readonly seconds: number;
  /** Headers that the request has to carry just so: they are signed. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further parameters, such as what headers the answer is to have. */
  readonly query?: Readonly<Record<string, string>>;
}

/** Buckets of own servers are paths, as `shared/store/s3.ts` has them; of AWS they are host names. */
function addressOf({ endpoint, region, bucket }: S3Place, key: string): URL {
  const path = key.split('/').map(encodeURIComponent).join('/');
  return endpoint === undefined
    ? new URL(`https://${bucket}.s3.${region}.amazonaws.com/${path}`)
    : new URL(`${endpoint.replace(/\/+$/, '')}/${bucket}/${path}`);
}

export async function presign(
  place: S3Place,
  { method, key, seconds, headers = {}, query = {} }: Presigned,
): Promise<string> {
  const url = addressOf(place, key);
  url.searchParams.set('X-Amz-Expires', String(seconds));
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const { accessKeyId, secretAccessKey, region } = place;
  const signer = new AwsV4Signer({
    ...{ method, url: url.href, headers: { ...headers }, accessKeyId, secretAccessKey, region },
    service: 's3',
    signQuery: true,
    // Type and length are left out otherwise, and so would hold nobody to them.
    allHeaders: true,
  });
  return (await signer.sign()).url.href;
}
