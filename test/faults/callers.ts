/** Callers of the fleet: they try again until they are answered, and believe only what was acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';

const AGAIN_MILLISECONDS = 250;
const ANSWER_MILLISECONDS = 15_000;
/** Longer than any fault that is planned. */
const MOST_PATIENCE_MILLISECONDS = 180_000;

const PREFER = { 'content-type': 'application/json', prefer: 'respond-async' };
const acceptedSchema = z.object({ id: z.string() });
const jobSchema = z.object({
  id: z.string(),
  status: z.string(),
  result: z.object({ outputs: z.unknown() }).loose().optional(),
  problem: z.object({ code: z.string() }).loose().optional(),
});
export type SeenJob = z.infer<typeof jobSchema>;
const batchSchema = z.object({ id: z.string(), status: z.string() });

export interface Callers {
  /** The outputs of a request that leaves nothing behind. */
  readonly compute: (request: object) => Promise<unknown>;
  /** @returns the id of the job that was acknowledged */
  readonly submitJob: (request: object) => Promise<string>;
  readonly job: (id: string) => Promise<SeenJob>;
  /** @returns the id of the batch that was acknowledged */
  readonly submitBatch: (lines: string, query: string) => Promise<string>;
  readonly batchStatus: (id: string) => Promise<string>;
  /** Lines of its output, and of its errors. */
  readonly batchLines: (id: string) => Promise<{ output: unknown[]; errors: unknown[] }>;
  readonly webhookSecret: () => Promise<string>;
}

/** @param edges addresses, of which each call begins at the next one */
export function createCallers(edges: readonly string[], key: string): Callers {
  let turn = 0;

  /** @throws Error for an answer that says that the request is wrong, and when patience has ended */
  async function call(path: string, init: RequestInit = {}): Promise<Response> {
    const until = performance.now() + MOST_PATIENCE_MILLISECONDS;
    let last = '';
    while (performance.now() < until) {
      const edge = edges[turn++ % edges.length];
      try {
        const signal = AbortSignal.timeout(ANSWER_MILLISECONDS);
        const answer = await fetch(`${edge}${path}`, {
          ...init,
          headers: { ...init.headers, authorization: `Bearer ${key}` },
          signal,
        });
        if (answer.ok) return answer;
        last = `${answer.status} ${await answer.text()}`;
        const isRefused = answer.status < 500 && answer.status !== 408 && answer.status !== 429;
        if (isRefused) throw new Error(`${path} was answered ${last}`, { cause: 'refused' });
      } catch (error) {
        if (error instanceof Error && error.cause === 'refused') throw error;
        last = String(error);
      }
      await sleep(AGAIN_MILLISECONDS);
    }
    throw new Error(`nobody answers ${path}: ${last}`);
  }

  const json = async <T>(schema: z.ZodType<T>, path: string, init?: RequestInit): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return schema.parse(await (await call(path, init)).json());
      } catch (error) {
        // An edge may be killed in the middle of its answer.
        if (tries === 10 || (error instanceof Error && error.cause === 'refused')) throw error;
      }
    }
  };
  const lines = async (path: string): Promise<unknown[]> => {
    const text = await (await call(path)).text();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line): unknown => JSON.parse(line));
  };

  return {
    async compute(request) {
      const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
      const init = { method: 'POST', headers, body: JSON.stringify(request) };
      return (await json(z.object({ outputs: z.unknown() }), '/v1/generate', init)).outputs;
    },
    async submitJob(request) {
      const init = { method: 'POST', headers: PREFER, body: JSON.stringify(request) };
      return (await json(acceptedSchema, '/v1/generate', init)).id;
    },
    job: (id) => json(jobSchema, `/v1/jobs/${id}`),
    async submitBatch(body, query) {
      const headers = { 'content-type': 'application/x-ndjson' };
      return (await json(acceptedSchema, `/v1/batches${query}`, { method: 'POST', headers, body }))
        .id;
    },
    batchStatus: async (id) => (await json(batchSchema, `/v1/batches/${id}`)).status,
    batchLines: async (id) => ({
      output: await lines(`/v1/batches/${id}/output`),
      errors: await lines(`/v1/batches/${id}/errors`),
    }),
    webhookSecret: async () =>
      (await json(z.object({ secret: z.string() }), '/v1/webhook-secret')).secret,
  };
}
