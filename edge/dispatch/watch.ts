/** What is told of requests to workers: metrics, and a span that goes on in the worker. */
import { NO_TRACER, type Tracer } from '../../shared/tracing/tracer.ts';
import { type EdgeMetrics, UNWATCHED } from '../metrics.ts';
import { addressOf } from './http.ts';

export type DispatchOutcome = 'ok' | 'failed' | 'busy' | 'unreachable' | 'late' | 'gone';

export interface WatchedDispatch {
  /** For the worker. */
  readonly traceparent: string;
  readonly end: (outcome: DispatchOutcome) => void;
}

export function watchDispatches({
  metrics = UNWATCHED,
  tracer = NO_TRACER,
}: {
  readonly metrics?: EdgeMetrics | undefined;
  readonly tracer?: Tracer | undefined;
}) {
  /** @param path one of the workers' addresses, whose last step names the kind of work */
  return (worker: string, path: string, parent: string | undefined): WatchedDispatch => {
    const started = performance.now();
    const kind = path.slice(path.lastIndexOf('/') + 1);
    const span = tracer.start({
      name: `dispatch ${kind}`,
      kind: 'client',
      parent,
      attributes: { 'server.address': addressOf(worker).host },
    });
    return {
      traceparent: span.traceparent,
      end(outcome) {
        metrics.count('dispatches', { kind, outcome });
        metrics.observe('dispatchSeconds', { kind }, (performance.now() - started) / 1000);
        span.set({ 'fourm.outcome': outcome });
        if (outcome !== 'ok') span.fail(outcome);
        span.end();
      },
    };
  };
}
