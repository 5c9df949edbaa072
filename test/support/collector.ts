/** A collector of traces on this machine: takes OTLP as JSON over HTTP, and tells what came. */
import { createServer } from 'node:http';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** OTLP's: 1 internal, 2 server, 3 client, 5 consumer. */
  readonly kind: number;
  /** Unix milliseconds. */
  readonly started: number;
  readonly ended: number;
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly kind: number;
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly attributes: readonly Attribute[];
      }[];
    }[];
  }[];
}

export interface Collector {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** Headers of the last request. */
  readonly headers: () => NodeJS.Dict<string | string[]>;
  /** The spans of a trace, when all these names are among them. @throws Error when they do not come in time */
  readonly trace: (traceId: string, names: readonly string[]) => Promise<CollectedSpan[]>;
  readonly close: () => Promise<void>;
}

const valuesOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [[kind, own] = ['', undefined]] = Object.entries(value);
      return [key, kind === 'intValue' ? Number(own) : own];
    }),
  );

/** Only spans that never come take so long. */
const PATIENCE = 120_000;

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  let headers: NodeJS.Dict<string | string[]> = {};
  const take = ({ resourceSpans }: Sent): void => {
    for (const { resource, scopeSpans } of resourceSpans)
      for (const span of scopeSpans.flatMap((scope) => scope.spans))
        spans.push({
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId || undefined,
          name: span.name,
          kind: span.kind,
          started: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
          ended: Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000,
          service: String(valuesOf(resource.attributes)['service.name']),
          attributes: valuesOf(span.attributes),
        });
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const isRight = request.url === '/v1/traces' && request.method === 'POST';
      headers = request.headers;
      if (isRight) take(JSON.parse(Buffer.concat(chunks).toString()) as Sent);
      response.writeHead(isRight ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    headers: () => headers,
    async trace(traceId, names) {
      const until = Date.now() + PATIENCE;
      for (;;) {
        const own = spans.filter((span) => span.traceId === traceId);
        const lacking = names.filter((name) => !own.some((span) => span.name === name));
        if (lacking.length === 0) return own;
        if (Date.now() > until)
          throw new Error(
            `no ${lacking.join(', ')} among ${own.map(({ name }) => name).join(', ')}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
