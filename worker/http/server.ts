/** The HTTP server of a worker: it listens from the start, and stops taking connections when told to. */
import { createServer } from 'node:http';
import { createNonces } from '../../shared/api/nonces.ts';
import { type RouteServices, route } from './routes.ts';

export interface RunningServer {
  readonly port: number;
  /** Takes no more connections; resolves when the open ones have ended. */
  readonly stop: () => Promise<void>;
  /** Breaks the connections that are left. */
  readonly destroy: () => void;
}

/** How often a stopping server looks for connections on which nothing is under way any more. */
const IDLE_CHECK_MILLISECONDS = 50;

/** @throws Error when the address cannot be listened on */
export async function startServer(
  services: Omit<RouteServices, 'nonces'>,
  host: string,
  port: number,
): Promise<RunningServer> {
  const all: RouteServices = { ...services, nonces: createNonces() };
  const server = createServer((request, response) => {
    route(all, request, response).catch(() => response.destroy());
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
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MILLISECONDS);
      await closed;
      clearInterval(timer);
    },
    destroy: () => server.closeAllConnections(),
  };
}
