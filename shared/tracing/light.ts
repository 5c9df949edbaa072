/**
 * Spans by OTLP over HTTP without OpenTelemetry's packages, for Workers: these weigh 16 KiB after gzip and tell by
 * timers, which end there with the request. Spans are held until they are flushed, and told as JSON (OTLP 1.x,
 * "JSON Protobuf Encoding": ids in hexadecimal, kinds as numbers, 64-bit numbers as texts).
 */
import { createSpanId, createTraceId, formatTraceparent, parseTraceparent } from './traceparent.ts';
import type { Attributes, Span, SpanStart, Tracer } from './tracer.ts';

const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
const FAILED = 2;
/** Spans that are held at most, should nobody flush. */
const MOST = 2_048;
const ANSWER_MILLISECONDS = 10_000;

export interface LightOptions {
  readonly service: string;
  /** As OTEL_EXPORTER_OTLP_ENDPOINT: spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  /** As OTEL_EXPORTER_OTLP_HEADERS: `name=value` with commas, values percent-encoded. */
  readonly headers?: string | undefined;
  readonly log: (line: string) => void;
}

type Value =
  | { stringValue: string }
  | { boolValue: boolean }
  | { doubleValue: number }
  | { intValue: string };

function typed(value: Attributes[string]): Value {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
const listOf = (attributes: Attributes): object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: typed(value) }));

const nanoseconds = (milliseconds: number): string => `${Math.round(milliseconds * 1000)}000`;

function headersOf(text: string | undefined): Record<string, string> {
  const pairs = (text ?? '').split(',').map((pair) => pair.split(/=(.*)/s));
  return Object.fromEntries(
    pairs.flatMap(([name = '', value]) =>
      value === undefined ? [] : [[name.trim(), decodeURIComponent(value.trim())]],
    ),
  );
}

export function createLightTracer({ service, endpoint, headers, log }: LightOptions): Tracer {
  const address = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  let ended: object[] = [];

  function start({ kind = 'internal', parent, started, attributes, ...given }: SpanStart): Span {
    const above = parseTraceparent(parent);
    const own = {
      traceId: above?.traceId ?? createTraceId(),
      spanId: createSpanId(),
      // What its caller does not record is not recorded here either.
      sampled: above?.sampled ?? true,
    };
    const begun = started ?? Date.now();
    let all: Attributes = attributes ?? {};
    let { name } = given;
    let failure: string | undefined;
    return {
      traceparent: formatTraceparent(own),
      isRecorded: own.sampled,
      set: (more) => {
        all = { ...all, ...more };
      },
      rename: (other) => {
        name = other;
      },
      fail: (code) => {
        failure = code;
      },
      end(at = Date.now()) {
        if (!own.sampled || ended.length >= MOST) return;
        ended.push({
          traceId: own.traceId,
          spanId: own.spanId,
          ...(above && { parentSpanId: above.spanId }),
          name,
          kind: KINDS[kind],
          startTimeUnixNano: nanoseconds(begun),
          endTimeUnixNano: nanoseconds(at),
          attributes: listOf(all),
          status: failure === undefined ? {} : { code: FAILED, message: failure },
        });
      },
    };
  }

  return {
    start,
    async flush() {
      if (ended.length === 0) return;
      const spans = ended;
      ended = [];
      const resource = { attributes: listOf({ 'service.name': service }) };
      const scopeSpans = [{ scope: { name: '4m-edge' }, spans }];
      try {
        const response = await fetch(address, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headersOf(headers) },
          body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans }] }),
          signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
        });
        await response.body?.cancel();
        if (!response.ok) log(`spans were refused with ${response.status}`);
      } catch (error) {
        log(`spans cannot be told: ${error instanceof Error ? error.message : error}`);
      }
    },
  };
}
