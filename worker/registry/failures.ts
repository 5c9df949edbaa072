/** What callers are told of models that they cannot have now. */
import { type FailureError, refusal } from '../../shared/api/problem.ts';
import { formatSize } from '../byteSize.ts';
import type { Offer } from './offer.ts';

const notReady = (detail: string, seconds: number, cause?: unknown): FailureError =>
  refusal('not_ready', detail, undefined, {
    retryAfterSeconds: Math.max(1, Math.ceil(seconds)),
    ...(cause !== undefined && { cause }),
  });

export const stillLoading = (id: string, waited: number, seconds: number): FailureError =>
  notReady(`the model ${id} is not in memory yet, after ${waited} s of waiting for it`, seconds);

export const notLoadable = (id: string, seconds: number, cause: unknown): FailureError =>
  notReady(`the model ${id} could not be loaded; it is tried again later`, seconds, cause);

export const replaced = (id: string): FailureError =>
  notReady(`the model ${id} has been replaced by another version; send the request again`, 1);

export const stopping = (): FailureError => notReady('the worker is stopping', 1);

/** Why a model can never be loaded within a budget. */
export const tooLarge = ({ description: { id }, bytes, origin }: Offer, budget: number): string =>
  `the model ${id} of ${origin} takes ${formatSize(bytes)} of memory, FOURM_MEMORY_BUDGET is ` +
  `${formatSize(budget)}`;
