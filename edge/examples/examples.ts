/** Examples of every operation of the route table: the compiler sees to it. */
import type { ADDRESSES } from '../../shared/api/addresses.ts';
import { COLLECTION_EXAMPLES } from './collectionExamples.ts';
import { COMPATIBLE_EXAMPLES } from './compatibleExamples.ts';
import type { Example } from './example.ts';
import { HEAD_EXAMPLES } from './headExamples.ts';
import { JOB_EXAMPLES } from './jobExamples.ts';
import { SERVICE_EXAMPLES } from './serviceExamples.ts';
import { UPLOAD_EXAMPLES } from './uploadExamples.ts';
import { VALUE_EXAMPLES } from './valueExamples.ts';

export const EXAMPLES: Readonly<Record<keyof typeof ADDRESSES, readonly Example[]>> = {
  ...VALUE_EXAMPLES,
  ...COLLECTION_EXAMPLES,
  ...HEAD_EXAMPLES,
  ...JOB_EXAMPLES,
  ...UPLOAD_EXAMPLES,
  ...COMPATIBLE_EXAMPLES,
  ...SERVICE_EXAMPLES,
};

/**
 * Examples of an operation by its id.
 * @throws Error where it has none: pages are built before the compiler would tell
 */
export function examplesOf(id: string): readonly Example[] {
  const examples = (EXAMPLES as Readonly<Record<string, readonly Example[] | undefined>>)[id];
  if (examples && examples.length > 0) return examples;
  throw new Error(`the operation ${id} has no example in edge/examples/`);
}
