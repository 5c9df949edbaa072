/** What names a request, in answers, logs and traces. */
import { traceIdOf } from '../shared/tracing/traceparent.ts';

export interface RequestNames {
  requestId: string;
  /** Names the span of this request. */
  traceparent: string;
}

/** How lines of the log name a request. */
export function namesOf({ requestId, traceparent }: RequestNames): Record<string, string> {
  const traceId = traceIdOf(traceparent);
  return { request_id: requestId, ...(traceId !== undefined && { trace_id: traceId }) };
}
