import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { s3Storage } from '../../worker/retrieval/place.ts';
import { s3Missing, s3Settings } from '../support/s3.ts';
import { collectionsContract } from './collections.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-collections-'));
after(() => rm(folder, { recursive: true, force: true }));

collectionsContract({
  name: 'a folder',
  skip: undefined,
  place: async () => ({ uri: folder, storage: {} }),
});
collectionsContract({
  name: 'a bucket',
  skip: s3Missing(),
  place: async () => {
    const { bucket, ...access } = await s3Settings();
    // A prefix of this run's own, so that nothing of an earlier run is found.
    const uri = `s3://${bucket}/collections-${crypto.randomUUID()}`;
    return { uri, storage: s3Storage(access) };
  },
});
