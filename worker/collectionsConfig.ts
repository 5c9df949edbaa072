/** Where collections are kept, from the environment. */
import { present } from '../shared/lookup.ts';
import { type CollectionsPlace, s3Storage } from './retrieval/place.ts';

export interface CollectionsSettings {
  readonly FOURM_COLLECTIONS?: string | undefined;
  readonly S3_ENDPOINT?: string | undefined;
  readonly S3_REGION: string;
  readonly S3_ACCESS_KEY_ID?: string | undefined;
  readonly S3_SECRET_ACCESS_KEY?: string | undefined;
}

const isBucket = (uri: string): boolean => uri.startsWith('s3://');

/** What is missing or wrong, a sentence each. */
export function absentForCollections(settings: CollectionsSettings): string[] {
  const { FOURM_COLLECTIONS: uri, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = settings;
  if (uri === undefined) return [];
  if (!isBucket(uri)) {
    return /^\w+:\/\//.test(uri)
      ? ['FOURM_COLLECTIONS: has to be a folder or s3://BUCKET/PREFIX']
      : [];
  }
  if (!/^s3:\/\/[a-z0-9][a-z0-9.-]+(\/|$)/.test(uri))
    return ['FOURM_COLLECTIONS: has to be s3://BUCKET/PREFIX'];
  return Object.entries({ S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY }).flatMap(([name, value]) =>
    value ? [] : [`${name}: is needed with collections in a bucket`],
  );
}

/** @returns undefined where no place is named. @throws Error naming a variable that is missing */
export function placeOf(settings: CollectionsSettings): CollectionsPlace | undefined {
  const { FOURM_COLLECTIONS: uri } = settings;
  if (uri === undefined) return undefined;
  if (!isBucket(uri)) return { uri, storage: {} };
  const storage = s3Storage({
    endpoint: settings.S3_ENDPOINT,
    region: settings.S3_REGION,
    accessKeyId: present(settings.S3_ACCESS_KEY_ID, 'S3_ACCESS_KEY_ID'),
    secretAccessKey: present(settings.S3_SECRET_ACCESS_KEY, 'S3_SECRET_ACCESS_KEY'),
  });
  return { uri, storage };
}
