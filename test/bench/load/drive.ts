/** So many callers at once, each of whom asks again when it is answered. */

/** What became of one request. */
export interface Call {
  readonly status: number;
  readonly milliseconds: number;
}

export interface Round {
  readonly calls: readonly Call[];
  readonly seconds: number;
}

/** Sends one request, and reads its answer to the end. Nothing is tried again. */
export async function call(url: string, body: object): Promise<Call> {
  const started = performance.now();
  const response = await fetch(`${url}/v1/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.text();
  if (response.status >= 500 && response.status !== 503)
    if (response.status !== 200)
      throw new Error(`a request was answered ${response.status}: ${answer.slice(0, 500)}`);
  return { status: response.status, milliseconds: performance.now() - started };
}

/**
 * @param clients callers at once
 * @param requests what they send, one after the other; whoever is free takes the next
 */
export async function drive(
  url: string,
  clients: number,
  requests: readonly object[],
): Promise<Round> {
  const calls: Call[] = [];
  const left = [...requests];
  const started = performance.now();
  const one = async (): Promise<void> => {
    for (let body = left.shift(); body; body = left.shift()) calls.push(await call(url, body));
  };
  await Promise.all(Array.from({ length: clients }, one));
  return { calls, seconds: (performance.now() - started) / 1000 };
}

/** The time that such a share of the calls stay within. @param share 0 to 1 */
export function percentile(calls: readonly Call[], share: number): number {
  const times = calls.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? Number.NaN;
}

export const perSecond = ({ calls, seconds }: Round): number =>
  calls.filter(({ status }) => status === 200).length / seconds;

export const refused = ({ calls }: Round): number =>
  calls.filter(({ status }) => status !== 200).length;
