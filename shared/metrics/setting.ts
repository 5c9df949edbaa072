/** Where a process tells its metrics: `FOURM_METRICS`. */
import * as z from 'zod';

export type MetricsPlace =
  | { readonly at: 'off' }
  /** `GET /metrics` on the port that it has anyway. */
  | { readonly at: 'path' }
  /** `GET /metrics` on a port of its own. */
  | { readonly at: 'address'; readonly host: string; readonly port: number };

/** The address, on every port that tells metrics. */
export const METRICS_PATH = '/metrics';

const FORM = 'has to be off, path, PORT or HOST:PORT';

function placeOf(text: string): MetricsPlace | undefined {
  if (text === 'off' || text === 'path') return { at: text };
  const [, host = '127.0.0.1', digits = ''] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) return undefined;
  return { at: 'address', host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

/** @param fallback where the setting is left out or empty */
export const metricsPlace = (fallback: 'off' | 'path') =>
  z
    .string()
    .default(fallback)
    .transform((text, context): MetricsPlace => {
      const place = placeOf(text === '' ? fallback : text);
      if (place) return place;
      context.addIssue({ code: 'custom', message: FORM });
      return z.NEVER;
    });
