import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createDiskStore } from '../../shared/store/disk.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import { createS3Store } from '../../shared/store/s3.ts';
import { s3Missing, s3Settings } from '../support/s3.ts';
import { creditContract } from './credit.ts';

const folder = await mkdtemp(join(tmpdir(), 'fourm-credit-'));
after(() => rm(folder, { recursive: true, force: true }));
const memory = createMemoryStore();

creditContract({ name: 'memory', skip: undefined, open: async () => memory });
creditContract({ name: 'disk', skip: undefined, open: async () => createDiskStore(folder) });
creditContract({
  name: 's3',
  skip: s3Missing(),
  open: async () => createS3Store(await s3Settings()),
});
