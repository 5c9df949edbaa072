/** What problems of `/v1/generate` point at -> the fields of OpenAI's requests for pictures. */
import { FailureError } from '../../shared/api/problem.ts';

const FIELDS: readonly (readonly [RegExp, string])[] = [
  [/^\/inputs\/caption\b.*/, '/prompt'],
  [/^\/inputs\/[^/]+\/hide\b.*/, '/mask'],
  [/^\/inputs\/[^/]+.*/, '/image'],
  [/^\/targets\b.*/, '/size'],
  [/^\/num_samples\b.*/, '/n'],
];

/** @param hasMask whether the request has a mask; otherwise the picture is its own */
export function ownPointer(pointer: string, hasMask: boolean): string {
  const [, field = pointer] = FIELDS.find(([pattern]) => pattern.test(pointer)) ?? [];
  return field === '/mask' && !hasMask ? '/image' : field;
}

/** @throws what the work throws, its problems with the request's own pointers */
export async function withOwnPointers<T>(hasMask: boolean, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FailureError) || !error.failure.errors) throw error;
    const errors = error.failure.errors.map(({ detail, pointer }) => ({
      detail,
      pointer: ownPointer(pointer, hasMask),
    }));
    throw new FailureError({ ...error.failure, errors }, { cause: error });
  }
}
