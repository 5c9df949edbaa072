/** The client's methods for batches: many requests in one file. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { Batch, BatchesResponse, BatchLine, BatchUrl } from '../api/batches.ts';
import type { DeliveriesResponse, Delivery } from '../api/webhooks.ts';
import type { Call, CallOptions, Open } from './call.ts';
import { reading } from './failures.ts';
import { follow } from './follow.ts';
import { ProblemError, problemFrom } from './problem.ts';

/** A line of the input. */
export interface BatchRequest {
  /** Tells the line from others in the output. */
  readonly custom_id: string;
  readonly method: 'POST';
  readonly url: BatchUrl;
  /** What the address is asked. */
  readonly body: object;
}

export type BatchInput = Blob | readonly BatchRequest[] | { readonly upload: string };

export interface BatchOptions extends CallOptions {
  /** What every line has to ask for. */
  readonly endpoint?: BatchUrl;
  /** Such as `24h`, which it is when left out. */
  readonly completionWindow?: string;
  /** Address that is told when the batch has ended. */
  readonly webhook?: string;
}

export interface BatchWaitOptions extends CallOptions {
  /** Called whenever the batch has come further. */
  readonly onProgress?: (batch: Batch) => void;
}

export interface BatchPageOptions extends CallOptions {
  readonly limit?: number;
  /** `last_id` of the page before. */
  readonly after?: string;
}

/** Every method throws as `Client.generate` does. */
export interface BatchMethods {
  /** `POST /v1/batches`. @param input lines; a file of them, which is sent as it is read; or an upload */
  create(input: BatchInput, options?: BatchOptions): Promise<Batch>;
  /** `GET /v1/batches/{id}` */
  get(id: string, options?: CallOptions): Promise<Batch>;
  /** `GET /v1/batches` */
  list(options?: BatchPageOptions): Promise<BatchesResponse>;
  /** `POST /v1/batches/{id}/cancel` */
  cancel(id: string, options?: CallOptions): Promise<Batch>;
  /** Resolves when it has ended, however it did; a connection that breaks is taken up again. */
  wait(id: string, options?: BatchWaitOptions): Promise<Batch>;
  /** `GET /v1/batches/{id}/deliveries`: what its webhook was told */
  deliveries(id: string, options?: CallOptions): Promise<readonly Delivery[]>;
  /** `POST /v1/batches/{id}/deliveries/{event}/redeliver` */
  redeliver(id: string, event: string, options?: CallOptions): Promise<Delivery>;
  /** Lines of its output, as they come. */
  output(id: string, options?: CallOptions): AsyncGenerator<BatchLine, void, undefined>;
  /** Lines of its error file, as they come. */
  errors(id: string, options?: CallOptions): AsyncGenerator<BatchLine, void, undefined>;
}

/** A query of what has a value; empty where nothing has. */
export const queryOf = (values: Readonly<Record<string, string | number | undefined>>): string => {
  const given = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, String(value)]],
  );
  const text = new URLSearchParams(given).toString();
  return text && `?${text}`;
};

async function* linesIn(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = decoder.decode(value, { stream: true }).split('\n');
      for (const part of parts.slice(0, -1)) {
        yield [...rest, part].join('');
        rest = [];
      }
      rest.push(parts.at(-1) ?? '');
    }
    const last = rest.join('') + decoder.decode();
    if (last !== '') yield last;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

export function batchMethods(call: Call, open: Open): BatchMethods {
  const A = ADDRESSES;
  type Named = 'batch' | 'cancelBatch' | 'batchOutput' | 'batchErrors' | 'batchEvents';
  const at = <K extends Named | 'batchDeliveries'>(name: K, id: string) => ({
    method: A[name].method,
    path: fillPath(A[name].path, { id }),
  });

  async function* file(name: 'batchOutput' | 'batchErrors', id: string, options?: CallOptions) {
    const headers = { accept: 'application/x-ndjson' };
    const response = await open(at(name, id), { ...options, headers });
    for await (const line of reading(response, linesIn, options?.signal))
      yield JSON.parse(line) as BatchLine;
  }

  return {
    async create(input, { endpoint, completionWindow, webhook, ...options } = {}) {
      const settings = { endpoint, completion_window: completionWindow, webhook };
      if ('upload' in input)
        return await call(A.createBatch, { ...options, once: true }, { input, ...settings });
      const body =
        input instanceof Blob ? input : new Blob(input.map((line) => `${JSON.stringify(line)}\n`));
      const path = A.createBatch.path + queryOf(settings);
      const headers = { 'content-type': 'application/x-ndjson' };
      const address = { method: A.createBatch.method, path };
      return await call(address, { ...options, headers, once: true }, body);
    },
    get: (id, options) => call(at('batch', id), options),
    list({ limit, after, ...options } = {}) {
      const path = A.batches.path + queryOf({ limit, after });
      return call({ method: A.batches.method, path }, options);
    },
    cancel: (id, options) => call(at('cancelBatch', id), options),
    async wait(id, { onProgress, ...given } = {}) {
      for await (const { event, data } of follow(open, at('batchEvents', id), given)) {
        if (event === 'problem') throw new ProblemError(problemFrom(data, 500, id));
        if (event === 'end') return data as Batch;
        onProgress?.(data as Batch);
      }
      // The events end with one of these, or throw.
      throw new ProblemError(problemFrom(undefined, 502, id));
    },
    deliveries: async (id, options) =>
      (await call<DeliveriesResponse>(at('batchDeliveries', id), options)).deliveries,
    redeliver(id, event, options) {
      const { method, path } = A.redeliverBatchEvent;
      return call({ method, path: fillPath(path, { id, event }) }, { ...options, once: true });
    },
    output: (id, options) => file('batchOutput', id, options),
    errors: (id, options) => file('batchErrors', id, options),
  };
}
