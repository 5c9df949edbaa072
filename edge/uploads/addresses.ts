/** Where bytes are sent to and fetched from: addresses of the S3 server, or our own, which hold for a while. */
import { ADDRESSES, fillPath } from '../../shared/api/addresses.ts';
import { present } from '../../shared/lookup.ts';
import type { Config } from '../config.ts';
import { createPermits, type Permit, type Permits } from './permit.ts';
import { presign, type S3Place } from './presign.ts';

export interface SignedAddress {
  readonly url: string;
  /** Unix milliseconds. */
  readonly expires: number;
  /** Headers that a request has to carry. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What is to be sent. */
export interface Announced {
  readonly content_type: string;
  readonly size?: number | undefined;
}

export interface SignedAddresses {
  readonly permits: Permits;
  /** @param origin of the edge as its caller sees it */
  toSend(key: string, announced: Announced, origin: string): Promise<SignedAddress>;
  toFetch(key: string, contentType: string, origin: string): Promise<SignedAddress>;
}

export function createSignedAddresses(config: Config): SignedAddresses {
  const permits = createPermits(config.FOURM_WORKER_SECRET);
  const seconds = config.FOURM_LINK_SECONDS;
  const s3: S3Place | undefined =
    config.FOURM_STORE === 's3'
      ? {
          endpoint: config.S3_PUBLIC_ENDPOINT ?? config.S3_ENDPOINT,
          region: config.S3_REGION,
          // parseConfig has checked that these are there.
          bucket: present(config.S3_BUCKET, 'S3_BUCKET'),
          accessKeyId: present(config.S3_ACCESS_KEY_ID, 'S3_ACCESS_KEY_ID'),
          secretAccessKey: present(config.S3_SECRET_ACCESS_KEY, 'S3_SECRET_ACCESS_KEY'),
        }
      : undefined;
  const expiry = (): number => Date.now() + seconds * 1000;

  async function own(allowed: Omit<Permit, 'expires'>, origin: string): Promise<string> {
    const permit = await permits.write({ ...allowed, expires: Math.ceil(expiry() / 1000) });
    const base = config.FOURM_PUBLIC_URL ?? origin;
    return base.replace(/\/+$/, '') + fillPath(ADDRESSES.link.path, { permit });
  }

  return {
    permits,
    async toSend(key, { content_type, size }, origin) {
      const headers = { 'content-type': content_type };
      const expires = expiry();
      if (!s3) {
        const most = config.FOURM_MAX_UPLOAD_BYTES;
        const permit = { do: 'put', key, content_type, most, ...(size && { size }) } as const;
        return { url: await own(permit, origin), expires, headers };
      }
      const signed = { ...headers, ...(size !== undefined && { 'content-length': String(size) }) };
      const url = await presign(s3, { method: 'PUT', key, seconds, headers: signed });
      return { url, expires, headers };
    },
    async toFetch(key, contentType, origin) {
      const expires = expiry();
      if (!s3) {
        const url = await own({ do: 'get', key, content_type: contentType }, origin);
        return { url, expires, headers: {} };
      }
      const query = { 'response-content-type': contentType };
      return {
        url: await presign(s3, { method: 'GET', key, seconds, query }),
        expires,
        headers: {},
      };
    },
  };
}
