/** A server of Hono alone: reads a body, answers bytes of a length. `node bareHono.js BYTES` says its port. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const answer = new Uint8Array(Number(process.argv[2])).fill(0x20);
const app = new Hono();
app.post('/', async (c) => {
  await c.req.arrayBuffer();
  return c.body(answer, { headers: { 'content-type': 'application/json' } });
});
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
  console.log(JSON.stringify({ event: 'ready', port }));
});
