/**
 * `node cannon.js FILE`: load as the file says, whose report it prints. Several callers are autocannon's connections; of
 * one caller each answer is timed here, since autocannon counts whole milliseconds.
 */
import { readFile } from 'node:fs/promises';
import { Client } from 'undici';
import * as z from 'zod';

const optionsSchema = z.object({
  url: z.url(),
  headers: z.record(z.string(), z.string()),
  /** In base64. */
  body: z.string(),
  connections: z.number(),
  /** Seconds. */
  duration: z.number(),
  /** Requests, in place of seconds. */
  amount: z.number().optional(),
});
type Options = z.infer<typeof optionsSchema>;

type Cannon = (options: object) => Promise<object>;

async function many({ body, ...options }: Options): Promise<object> {
  // The package has no types.
  const name: string = 'autocannon';
  const { default: run } = (await import(name)) as { default: Cannon };
  return await run({ ...options, method: 'POST', body: Buffer.from(body, 'base64') });
}

async function one({ url, headers, body, duration }: Options): Promise<object> {
  const { origin, pathname: path } = new URL(url);
  const client = new Client(origin);
  const bytes = Buffer.from(body, 'base64');
  const took: number[] = [];
  let non2xx = 0;
  const begin = performance.now();
  while (performance.now() - begin < duration * 1000) {
    const asked = performance.now();
    const answer = await client.request({ method: 'POST', path, headers, body: bytes });
    await answer.body.arrayBuffer();
    took.push(performance.now() - asked);
    if (answer.statusCode >= 300) non2xx++;
  }
  await client.close();
  took.sort((a, b) => a - b);
  const at = (share: number): number | undefined => took[Math.floor(took.length * share)];
  const requests = { average: took.length / duration, total: took.length };
  return { requests, latency: { p50: at(0.5), p99: at(0.99) }, non2xx, errors: 0, timeouts: 0 };
}

const options = optionsSchema.parse(JSON.parse(await readFile(String(process.argv[2]), 'utf8')));
console.log(JSON.stringify(await (options.connections === 1 ? one(options) : many(options))));
