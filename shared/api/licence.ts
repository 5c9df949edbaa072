/**
 * The gate of licences: who is charged is not served a model whose licence is not known to allow it, unless the
 * operator has accepted that. Edges refuse before any work, and workers once more.
 */
import { type Terms, termsOf } from '../model/licences.ts';
import type { Model } from './models.ts';
import { type FailureError, refusal } from './problem.ts';
import { shorten } from './shorten.ts';

type Licensed = Pick<Model, 'id' | 'licence'>;

/** Whether a model may be served to whoever is charged, without the operator's word. */
export const allowsCharging = ({ licence }: Licensed): boolean => termsOf(licence) === 'commercial';

const REASONS: Readonly<Record<Exclude<Terms, 'commercial'>, string>> = {
  noncommercial: 'is for non-commercial use alone',
  unknown: 'is not known to allow commercial use',
};

/** Why such a model is not served. */
export function licenceRefusal({ id, licence }: Licensed): FailureError {
  const terms = termsOf(licence);
  const reason = REASONS[terms === 'noncommercial' ? terms : 'unknown'];
  const detail =
    `the licence of the weights of ${id}, "${shorten(licence)}", ${reason}, and this server charges for requests; ` +
    'its operator can serve the model by ACCEPT_NONCOMMERCIAL=true, where whoever holds the rights agrees';
  return refusal('licence_refused', detail);
}
