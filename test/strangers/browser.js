// A page's or a Worker's use of the package: a picture out, progress, and a problem.
import { createClient, ProblemError, verifyWebhook } from '@4m-edge/client';

/** What was seen, as JSON. */
export async function visit(baseUrl) {
  const client = createClient({ baseUrl });
  // A seed of its own, since a stored result has no progress.
  const seed = Math.floor(Math.random() * 2 ** 32);
  const request = { inputs: { caption: 'a yellow cone' }, targets: ['depth'], seed };
  const events = [];
  let outputs = {};
  for await (const event of client.generateStream(request)) {
    events.push(event.event);
    if (event.event === 'result') outputs = event.data.outputs;
  }
  const picture = await client.file(outputs.depth[0].image);
  const [, p, n, g] = new Uint8Array(await picture.arrayBuffer());
  const again = await client.generateFile({ inputs: { depth: picture }, targets: ['normal'] });
  const { id } = await client.upload(picture);
  const given = { inputs: { depth: { upload: id } }, targets: ['normal'] };
  const result = await (await client.jobs.submit('generate', given)).wait();
  const code = await client.generate({ ...request, targets: ['sound'] }).catch((error) => {
    if (error instanceof ProblemError) return error.problem.code;
    throw error;
  });
  const refused = await verifyWebhook('{}', {}, `whsec_${btoa('a'.repeat(32))}`).catch(
    (error) => error.reason,
  );
  return {
    last: events.at(-1),
    progress: events.length > 1,
    signature: String.fromCharCode(p, n, g),
    types: [picture.type, again.type],
    normal: Object.keys(result.outputs),
    code,
    refused,
  };
}
