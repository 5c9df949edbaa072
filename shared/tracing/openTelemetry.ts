/**
 * Spans by OTLP over HTTP, through OpenTelemetry's own packages. They are loaded where an endpoint is set alone, and
 * read the standard settings: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER and others.
 */
import {
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';
import type { Span, Tracer } from './tracer.ts';

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Spans that wait to be told: a request may have hundreds, which end together. */
const MOST_WAITING = 16_384;

function contextOf(parent: string | undefined): Context {
  const parsed = parseTraceparent(parent);
  if (!parsed) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parsed;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** @param service as traces name this process, such as `4m-worker` */
export function createOpenTelemetry(service: string, instance: string): Tracer {
  const exporter = new OTLPTraceExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': service,
      'service.instance.id': instance,
    }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: MOST_WAITING })],
  });
  const tracer = provider.getTracer('4m-edge');
  return {
    start({ name, kind = 'internal', parent, started, attributes }): Span {
      const span = tracer.startSpan(
        name,
        {
          kind: KINDS[kind],
          ...(started !== undefined && { startTime: started }),
          ...(attributes && { attributes }),
        },
        contextOf(parent),
      );
      const { traceId, spanId, traceFlags } = span.spanContext();
      const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
      return {
        traceparent: formatTraceparent({ traceId, spanId, sampled }),
        isRecorded: span.isRecording(),
        set: (more) => void span.setAttributes(more),
        rename: (other) => void span.updateName(other),
        fail: (code) => void span.setStatus({ code: SpanStatusCode.ERROR, message: code }),
        end: (at) => span.end(at),
      };
    },
    flush: () => provider.forceFlush().catch(() => undefined),
  };
}
