/** `traceparent`, which names a trace and the span that asks (W3C Trace Context, section 3.2). */

export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether the caller records this trace. */
  readonly sampled: boolean;
}

const FORM =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Random digits that are not used yet: asking for many at once takes a tenth of the time. */
let digits = '';
const RANDOM_BYTES = 1024;

function hex(bytes: number): string {
  if (digits.length < 2 * bytes)
    digits = Array.from(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('');
  const taken = digits.slice(0, 2 * bytes);
  digits = digits.slice(2 * bytes);
  return taken;
}

export const createTraceId = (): string => hex(16);
export const createSpanId = (): string => hex(8);

/** Undefined for what is no header of version 00, or of a later version that begins alike. */
export function parseTraceparent(header: string | undefined): TraceParent | undefined {
  const [, traceId, spanId, flags, rest] = FORM.exec(header ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (header?.startsWith('00') && rest !== undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export const formatTraceparent = ({ traceId, spanId, sampled }: TraceParent): string =>
  `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`;

/** The header as it can be handed on, or one of a new trace where there is none. */
export const continued = (header: string | undefined): string =>
  formatTraceparent(
    parseTraceparent(header) ?? {
      traceId: createTraceId(),
      spanId: createSpanId(),
      sampled: true,
    },
  );

/** For logs. */
export const traceIdOf = (header: string | undefined): string | undefined =>
  parseTraceparent(header)?.traceId;
