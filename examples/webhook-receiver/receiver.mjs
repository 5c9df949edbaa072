// A receiver of webhooks: verifies each, answers at once, and does its work afterwards, once for each event.
import { createServer } from 'node:http';
import { createClient, verifyWebhook, WebhookError } from '4m-edge/client';

const { PORT = '8790', FOURM_URL = 'http://127.0.0.1:8787' } = process.env;
/** No webhook has more bytes. */
const MOST_BYTES = 20_000;
/** Events that are remembered; a receiver of yours keeps them where it keeps its work. */
const MOST_REMEMBERED = 10_000;

const client = createClient({ baseUrl: FOURM_URL });
const secret = process.env.WEBHOOK_SECRET ?? (await client.webhooks.secret()).secret;
const seen = new Set();

async function bodyOf(request) {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length > MOST_BYTES) throw new WebhookError('invalid_body');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function work({ type, data }) {
  if (type !== 'job.succeeded') return console.log(`${type} ${data.id}`);
  const { job } = await client.jobs.get(data.id);
  console.log(`${type} ${data.id} ${Object.keys(job.result?.outputs ?? {}).join(',')}`);
}

const server = createServer(async (request, response) => {
  try {
    const event = await verifyWebhook(await bodyOf(request), request.headers, secret);
    const id = request.headers['webhook-id'];
    // Whoever has been told before says so, too: otherwise it is told again and again.
    response.writeHead(204).end();
    if (seen.has(id)) return;
    seen.add(id);
    if (seen.size > MOST_REMEMBERED)
      for (const oldest of [...seen].slice(0, 1)) seen.delete(oldest);
    await work(event);
  } catch (error) {
    if (error instanceof WebhookError) response.writeHead(400).end(error.message);
    else console.error(error);
  }
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`receiver listens on http://127.0.0.1:${server.address().port}`);
});
