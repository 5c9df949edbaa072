/** Spans of traces, for rooms that know nothing of how they are told. */
import { continued } from './traceparent.ts';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanStart {
  readonly name: string;
  /** `internal` when left out. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** `traceparent` of the span that it belongs to; a new trace begins without one. */
  readonly parent?: string | undefined;
  /** Unix milliseconds; now when left out. */
  readonly started?: number | undefined;
  readonly attributes?: Attributes;
}

export interface Span {
  /** Names this span to whoever goes on with its trace. */
  readonly traceparent: string;
  /** Whether anybody is told of it: what is not need not be described. */
  readonly isRecorded: boolean;
  readonly set: (attributes: Attributes) => void;
  readonly rename: (name: string) => void;
  /** It failed, and why: a code of ours, never what a caller has written. */
  readonly fail: (code: string) => void;
  /** @param at unix milliseconds; now when left out */
  readonly end: (at?: number) => void;
}

export interface Tracer {
  readonly start: (span: SpanStart) => Span;
  /** Resolves when all that has ended is told, or cannot be. */
  readonly flush: () => Promise<void>;
}

/** Tells nobody. A trace that came is handed on as it is. */
export const NO_TRACER: Tracer = {
  start: ({ parent }) => ({
    traceparent: continued(parent),
    isRecorded: false,
    set: () => {},
    rename: () => {},
    fail: () => {},
    end: () => {},
  }),
  flush: async () => {},
};

/** A time of `performance.now()` as unix milliseconds. */
export const unixTime = (time: number): number => performance.timeOrigin + time;
