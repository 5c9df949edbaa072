/**
 * The running product that is attacked: edge and worker as processes over one store, keys of two tenants, and what both
 * processes print. The edge runs on Node over a disk, or in workerd over S3.
 */
import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { creditCommand } from '../../infra/keys/credit.ts';
import { startStack } from '../../infra/stack.ts';
import type { ProblemCode } from '../../shared/api/problem.ts';
import { problemSchema } from '../../shared/api/problemSchema.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createKeyStore, type KeyStore } from '../../shared/keys/keyStore.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { createS3Store } from '../../shared/store/s3.ts';
import type { Store } from '../../shared/store/store.ts';
import { s3Environment, s3Settings } from '../support/s3.ts';
import { startWorkerdAlone } from '../support/workerdAlone.ts';
import { type Answered, type Asked, ask, closeAll } from './ask.ts';

/** Bytes of one body, small so that larger ones cost little. */
export const MAX_BODY = 2_000_000;
export const BODY_SECONDS = 4;
/** How long a key is believed. */
const KEY_SECONDS = 1;

export interface Place {
  readonly url: string;
  readonly workerUrl: string;
  /** Whether bytes are sent to and fetched from the edge, and not from an S3 server. */
  readonly hasOwnLinks: boolean;
  /** What edge and worker share. */
  readonly secret: string;
  readonly pids: () => { readonly edge: number | undefined; readonly worker: number | undefined };
  /** Keys of the two tenants that open everything, and further ones. */
  readonly keys: Readonly<Record<'one' | 'other' | 'expired' | 'revoked' | 'narrow', string>>;
  readonly keyStore: KeyStore;
  /** A request with a key; of tenant `one` unless another is given, and none where it is `null`. */
  as(key: string | null, asked: Asked): Promise<Answered>;
  /** Everything that edge and worker have printed. */
  printed(): Promise<string>;
  close(): Promise<void>;
}

/** The problem of an answer, which has to be well formed. */
export function problemIn({ status, headers, text }: Answered, what: string) {
  assert.match(headers['content-type'] ?? '', /^application\/problem\+json/, `${what}: ${status}`);
  const problem = problemSchema.parse(JSON.parse(text));
  assert.equal(problem.status, status, what);
  return problem;
}

export function assertProblem(answer: Answered, code: ProblemCode, what: string): void {
  const problem = problemIn(answer, what);
  assert.equal(problem.code, code, `${what}: ${problem.detail}`);
}

/** The runtime of the edge that is attacked. */
export type Runtime = 'node' | 'workerd';

/** The secret that edge and worker share, as the worker's own environment tells it. */
async function secretOf(worker: number | undefined): Promise<string> {
  const environment = await readFile(`/proc/${worker}/environ`, 'latin1');
  return /(?:^|\0)FOURM_WORKER_SECRET=([^\0]+)/.exec(environment)?.[1] ?? assert.fail('no secret');
}

/** Keys of two tenants with credit, in a store. */
async function makeKeys(store: Store, keyStore: KeyStore): Promise<Place['keys']> {
  const credit = { store, accounts: createAccountStore(store) };
  for (const tenant of ['one', 'other'])
    await creditCommand(credit, tenant, { text: '+1000000', id: 'attacks' }, Date.now());
  const make = async (tenant: string, more: { scopes?: string[]; expires?: number } = {}) => {
    const about = { tenant, name: 'attacks', scopes: ['*'], limits: {}, created: Date.now() };
    return await keyStore.create({ ...about, ...more });
  };
  const revoked = await make('one');
  await keyStore.change(revoked.key.id, (key) => ({ ...key, revoked: Date.now() }));
  return {
    one: (await make('one')).secret,
    other: (await make('other')).secret,
    expired: (await make('one', { expires: Date.now() - 1 })).secret,
    revoked: revoked.secret,
    /** A scope that no route has. */
    narrow: (await make('one', { scopes: ['nothing-there'] })).secret,
  };
}

export async function startPlace(
  env: Readonly<Record<string, string>> = {},
  runtime: Runtime = 'node',
): Promise<Place> {
  const dataFolder = await mkdtemp(join(tmpdir(), '4m-security-'));
  const outputFile = join(dataFolder, 'output.log');
  const output = await open(outputFile, 'w');
  // A bucket of its own, in which other tests look for nothing.
  const s3 = runtime === 'workerd' ? await s3Settings(`attacks-${process.pid}`) : undefined;
  const store = s3 ? createS3Store(s3) : createDiskStore(join(dataFolder, 'store'));
  const keyStore = createKeyStore(store);
  const keys = await makeKeys(store, keyStore);
  const settings = {
    FOURM_AUTH: 'keys',
    FOURM_PRICES: JSON.stringify({ currency: 'EUR', per_unit: 1 }),
    FOURM_KEY_TTL_SECONDS: String(KEY_SECONDS),
    FOURM_MAX_BODY_BYTES: String(MAX_BODY),
    FOURM_BODIES_BYTES: String(40 * MAX_BODY),
    FOURM_BODY_SECONDS: String(BODY_SECONDS),
    FOURM_LOG_LEVEL: 'debug',
    ...env,
  };
  const stack = await startStack({
    port: 0,
    dataFolder,
    output: output.fd,
    env: settings,
    ...(s3 && { store: s3Environment(s3) }),
  });
  const secret = await secretOf(stack.pids().worker);
  // Its worker serves both: the edge on Node is there for the lines of batches.
  const front =
    s3 &&
    (await startWorkerdAlone(
      {
        ...settings,
        ...s3Environment(s3),
        FOURM_WORKERS: stack.workerUrl,
        FOURM_WORKER_SECRET: secret,
      },
      output.fd,
    ));
  const url = front?.url ?? stack.url.replace('localhost', '127.0.0.1');
  return {
    url,
    workerUrl: stack.workerUrl,
    hasOwnLinks: s3 === undefined,
    secret,
    pids: () => ({ ...stack.pids(), ...(front && { edge: front.pid() }) }),
    keys,
    keyStore,
    as: (key, asked) =>
      ask(url, {
        ...asked,
        headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...asked.headers },
      }),
    printed: () => readFile(outputFile, 'utf8'),
    async close() {
      closeAll();
      await front?.close();
      await stack.close();
      await output.close();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
