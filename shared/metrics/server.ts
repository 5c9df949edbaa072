/** Metrics on a port of their own, which can be bound where nobody but the operator comes. */
import { createServer } from 'node:http';
import type { Exposition } from './prometheus.ts';
import { METRICS_PATH } from './setting.ts';

export interface MetricsServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** @throws Error when the address cannot be listened on */
export async function serveMetrics(
  exposition: Exposition,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const isTheirs = request.url?.split('?')[0] === METRICS_PATH;
    if (!isTheirs || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(isTheirs ? 405 : 404).end();
      return;
    }
    exposition.text().then(
      (text) => response.writeHead(200, { 'content-type': exposition.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`metrics cannot be served on ${host}:${port}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
