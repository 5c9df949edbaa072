/** What a test of money looks at: commands, charges as callers are told of them, and events as the store has them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../infra/paths.ts';
import type { UsageResponse } from '../../shared/api/usage.ts';
import type { Charge } from '../../shared/credit/ledger.ts';
import { keysUnder } from '../../shared/documents/revisions.ts';
import type { Store } from '../../shared/store/store.ts';

const run = promisify(execFile);

/** `npm run keys --` with its arguments. @returns what it prints */
export async function keysCommand(storeFolder: string, ...args: string[]): Promise<string> {
  const script = join(repositoryRoot, 'dist/infra/keys/cli.js');
  const env = { ...process.env, FOURM_STORE: 'disk', FOURM_STORE_DIR: storeFolder };
  return (await run(process.execPath, [script, ...args], { env })).stdout;
}

/** Millionths that an answer says it was charged; 0 where it says nothing. */
export const chargedBy = ({ headers }: Response): number =>
  Number.parseInt(headers.get('x-4m-charged') ?? '0', 10);

/** Every charge in the bare records of a tenant. */
export async function chargesIn(store: Store, tenant: string): Promise<Charge[]> {
  const found: Charge[] = [];
  for await (const key of keysUnder(store, `usage/${tenant}/`)) {
    const object = (await store.get(key)) ?? assert.fail(key);
    found.push(...(JSON.parse(new TextDecoder().decode(object.body)).charges as Charge[]));
  }
  return found;
}

export interface Asking {
  readonly post: (
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ) => Promise<Response>;
  readonly usage: () => Promise<UsageResponse>;
}

/** Requests with a key. */
export function askWith(url: string, secret: string): Asking {
  const authorization = `Bearer ${secret}`;
  return {
    post: (path, body, headers = {}) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    usage: async () => {
      const answer = await fetch(`${url}/v1/usage`, { headers: { authorization } });
      assert.equal(answer.status, 200, await answer.clone().text());
      return (await answer.json()) as UsageResponse;
    },
  };
}
