/** What the worker that computes nothing answers of heads: files are read by the worker's own code. */
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import type { ClassifyResponse } from '../../shared/api/classify.ts';
import type { Model } from '../../shared/api/models.ts';
import {
  type MadeHead,
  type WorkerClassifyRequest,
  type WorkerFitHeadRequest,
  type WorkerReadHeadRequest,
  workerClassifyRequestSchema,
  workerFitHeadRequestSchema,
  workerReadHeadRequestSchema,
} from '../../shared/api/worker.ts';
import { itemsOf } from '../../shared/plan/classify.ts';
import { readHead, writeHead } from '../../worker/heads/file.ts';
import type { HeadWeights } from '../../worker/heads/head.ts';

/** A head of two classes over so many numbers, each weight the same. */
export const flatHead = (width: number, value: number): HeadWeights => ({
  norm: { weight: new Float64Array(width).fill(1), bias: new Float64Array(width) },
  linear: new Float64Array(2 * (width + 1)).fill(value),
  classes: 2,
  width,
});

function classifiedBy(asked: WorkerClassifyRequest, model: Model): ClassifyResponse {
  const { request, head, id } = workerClassifyRequestSchema.parse(asked);
  const { digest, licence, precision } = model;
  return {
    id,
    model: { id: model.id, digest, licence, precision },
    ...(head && { head }),
    items: itemsOf(request).map(() => ({ classes: [{ label: 'yes', probability: 0.75 }] })),
    usage: { encoder_passes: 1, decoder_passes: 0, units: 1, milliseconds: performance.now() },
  };
}

function fittedBy(asked: WorkerFitHeadRequest, model: Model): MadeHead {
  const { request } = workerFitHeadRequestSchema.parse(asked);
  const labels = [...new Set(request.examples?.map(({ label }) => label))].sort();
  const width = model.width ?? 0;
  const file = writeHead(flatHead(width, request.examples?.length ?? 0), labels, {});
  return {
    head: {
      ...{ name: request.name, source: 'examples', model: model.id, model_digest: model.digest },
      ...{ features: 'encoder', width, labels },
    },
    file: Buffer.from(file).toString('base64'),
  };
}

/** @throws FailureError `invalid_head` */
function readBy(asked: WorkerReadHeadRequest, model: Model): MadeHead {
  const { name, file } = workerReadHeadRequestSchema.parse(asked);
  const { weights, labels = [], features } = readHead(new Uint8Array(Buffer.from(file, 'base64')));
  return {
    head: {
      ...{ name, source: 'upload', model: model.id, model_digest: model.digest, features },
      ...{ width: weights.width, labels: [...labels] },
    },
    file,
  };
}

/** A request about heads, as a worker is sent it. */
export interface HeadWork {
  readonly request_id: string;
  readonly tenant?: string;
}

/** What answers requests at an address; undefined for addresses that are not about heads. */
export function answersOf(path: string): ((asked: HeadWork, model: Model) => object) | undefined {
  const answers: Readonly<Record<string, (asked: never, model: Model) => object>> = {
    [WORKER_ADDRESSES.classify.path]: classifiedBy,
    [WORKER_ADDRESSES.fitHead.path]: fittedBy,
    [WORKER_ADDRESSES.readHead.path]: readBy,
  };
  const answer = answers[path];
  return answer && ((asked, model) => answer(asked as never, model));
}
