/** The HTTP server of a worker: starts listening at once, becomes ready later, drains when told to. */
import { createServer } from 'node:http';

import { type RouteServices, route } from './routes.ts';

export interface RunningServer {
  readonly port: number;
  /** Stops taking connections and waits for the open ones, at most so long. */
  readonly drain: (seconds: number) => Promise<void>;
}

/** @throws Error when the address cannot be listened on */
export async function startServer(
  services: RouteServices,
  host: string,
  port: number,
): Promise<RunningServer> {
  const server = createServer((request, response) => {
    route(services, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`the worker cannot listen on ${host}:${port}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    drain: async (seconds) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), seconds * 1000);
      await closed;
      clearTimeout(timer);
    },
  };
}
