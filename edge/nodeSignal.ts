/**
 * Whether a caller has gone, on Node: its server's adapter makes a whole `Request` of undici for the one who asks a request
 * for its signal.
 */
import type { ServerResponse } from 'node:http';

type Fetch<R> = (request: Request, env?: object) => R;

const isOpen = (value: unknown): value is Pick<ServerResponse, 'once' | 'writableFinished'> =>
  typeof value === 'object' && value !== null && 'once' in value && 'writableFinished' in value;

/** The app, whose requests have a signal of their own that is made when it is asked for. */
export const withSignals =
  <R>(app: Fetch<R>): Fetch<R> =>
  (request, env = {}) => {
    const outgoing: unknown = 'outgoing' in env ? env.outgoing : undefined;
    if (!isOpen(outgoing)) return app(request, env);
    let made: AbortSignal | undefined;
    const make = (): AbortSignal => {
      const gone = new AbortController();
      const abort = (): void => {
        if (!outgoing.writableFinished) gone.abort(new Error('the caller has gone'));
      };
      if ('destroyed' in outgoing && outgoing.destroyed === true) abort();
      else outgoing.once('close', abort);
      return gone.signal;
    };
    Object.defineProperty(request, 'signal', {
      configurable: true,
      get: () => {
        made ??= make();
        return made;
      },
    });
    return app(request, env);
  };
