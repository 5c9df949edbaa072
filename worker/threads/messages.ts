/** What the pool and one of its threads say to each other. */
import type { Failure } from '../../shared/api/problem.ts';

export interface TaskRequest {
  readonly id: number;
  readonly name: string;
  readonly args: unknown;
}

/** A failure keeps its code; any other error arrives as the error that it was. */
export type TaskReply = { readonly id: number } & (
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly failure: Failure }
  | { readonly ok: false; readonly error: Error }
);
