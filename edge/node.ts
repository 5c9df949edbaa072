/** The Node entry: the same app behind node:http. */
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { serve } from '@hono/node-server';
import { createPinoLog } from '../shared/log/pinoLog.ts';
import { createDiskStore } from '../shared/store/disk.ts';
import { createApp } from './app.ts';
import { isLoopback } from './auth/origins.ts';
import { type Config, parseConfig, redacted } from './config.ts';
import { readPages } from './nodePages.ts';
import { createNodeSend } from './nodeSend.ts';
import { withSignals } from './nodeSignal.ts';
import { logOptions, startWatching } from './nodeWatching.ts';
import { createServices, type Platform } from './services.ts';

/** Longer than a worker gives its own running requests, so that its last answers are passed on. */
const DRAIN_MS = 15_000;

/** Time of the longest import. */
const IMPORT_MS = 6 * 3600 * 1000;

export interface RunningEdge {
  readonly port: number;
  /** Stops listening and lets running requests finish, within a bound. */
  close(): Promise<void>;
}

/** @throws Error when everybody could use a server that was told to serve this machine alone */
function assertPrivate({ FOURM_AUTH, HOST }: Config): void {
  if (FOURM_AUTH !== 'off' || isLoopback(HOST)) return;
  throw new Error(
    `configuration: FOURM_AUTH=off serves this machine alone, and HOST=${HOST} is not on it: set FOURM_AUTH=keys, ` +
      'or FOURM_AUTH=open where everybody who reaches the address may use it',
  );
}

/** What opens S3; its SDK takes a fifth of a start, and is loaded for those who use it. */
async function openS3Of({ FOURM_STORE }: Config): Promise<Pick<Platform, 'openS3'>> {
  if (FOURM_STORE !== 's3') return {};
  const { createS3Store } = await import('../shared/store/s3.ts');
  return { openS3: createS3Store };
}

/** The configuration with the prices themselves where it has the path of their file. @throws Error when that cannot be read */
async function withPriceFile(config: Config): Promise<Config> {
  const { FOURM_PRICES: given } = config;
  if (given === undefined || given.trimStart().startsWith('{')) return config;
  try {
    return { ...config, FOURM_PRICES: await readFile(given, 'utf8') };
  } catch (cause) {
    throw new Error(`configuration: FOURM_PRICES: ${given} cannot be read`, { cause });
  }
}

/** @throws Error when the port is taken, the store cannot be made, no pages are built, or the address does not fit FOURM_AUTH */
export async function startEdge(config: Config): Promise<RunningEdge> {
  assertPrivate(config);
  const openPage = await readPages();
  const watching = await startWatching(config);
  const services = createServices(await withPriceFile(config), {
    openPage,
    openDisk: createDiskStore,
    ...(await openS3Of(config)),
    send: createNodeSend(),
    ...watching.platform,
  });
  const app = createApp(services);
  return await new Promise((resolve, reject) => {
    const fetch = watching.beside(withSignals(app.fetch));
    const options = { fetch, port: config.PORT, hostname: config.HOST };
    const server = serve(options, ({ port }) => {
      server.off('error', reject);
      // Node's own bound on a whole request: files of items may take long, and other bodies are bounded where
      // they are read or dropped.
      if ('requestTimeout' in server) server.requestTimeout = IMPORT_MS;
      resolve({
        port,
        close: () =>
          new Promise((closed) => {
            const closeAll = (): void => {
              if ('closeAllConnections' in server) server.closeAllConnections();
            };
            const timer = setTimeout(closeAll, DRAIN_MS);
            server.close(() => {
              clearTimeout(timer);
              const { credit, unwritten } = services;
              const told = Promise.all([watching.close(), credit?.close(), unwritten.close()]);
              void told.finally(() => closed());
            });
            if ('closeIdleConnections' in server) server.closeIdleConnections();
          }),
      });
    });
    server.once('error', reject);
  });
}

/** Time for running requests when the parent has gone: whoever starts the next one needs the port. */
const ORPHAN_MS = 2000;

async function main(): Promise<void> {
  const config = parseConfig(process.env);
  const edge = await startEdge(config);
  createPinoLog(logOptions(config))({
    event: 'ready',
    message: `edge listens on http://${config.HOST}:${edge.port}`,
    config: redacted(config),
  });
  const stop = (): void => void edge.close().then(() => process.exit(0));
  // A parent that keeps a channel open (`npm start`) closes it by dying, in whatever way.
  process.once('disconnect', () => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), ORPHAN_MS).unref();
    stop();
  });
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  });
}
