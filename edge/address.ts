/**
 * Addresses that users name, as far as they can be judged without looking them up. Workers look them up, and judge
 * again what they connect to.
 */
import { type ProblemCode, refusal } from '../shared/api/problem.ts';
import { readAddress } from '../shared/guard/allowed.ts';
import type { GuardReason } from '../shared/guard/refused.ts';
import type { Config } from './config.ts';

const CODES: Partial<Record<GuardReason, ProblemCode>> = {
  scheme: 'insecure_address',
  address: 'forbidden_address',
};

/** @throws FailureError `invalid_address`, `insecure_address`, `forbidden_address`, which names the field */
export function assertAddress(text: string, { FOURM_URLS_ALLOW: allow }: Config, pointer: string) {
  const read = readAddress(text, allow);
  if (read instanceof URL) return;
  const what = pointer.slice(1).replaceAll('/', ' ');
  throw refusal(CODES[read.reason] ?? 'invalid_address', `${what}: ${read.detail}`, pointer);
}
