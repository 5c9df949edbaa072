/** Every method of the client, as a program under the strictest compiler writes it. It is compiled and not run. */
import {
  AbortError,
  type Batch,
  type Client,
  ConnectionError,
  createClient,
  type EmbedResponse,
  type GenerateRequestBody,
  type GenerateResponse,
  type Head,
  type Job,
  type Output,
  type Problem,
  ProblemError,
  TimeoutError,
  type UsageResponse,
  verifyWebhook,
  WebhookError,
} from '@4m-edge/client';

const client: Client = createClient({
  baseUrl: 'http://127.0.0.1:8787',
  apiKey: 'key',
  timeout: 1000,
  retries: 3,
  fetch,
});
const { signal } = new AbortController();
const bytes = new Blob([new Uint8Array([1])], { type: 'image/png' });

export async function values(): Promise<void> {
  const steps: number | undefined = Number('8') || undefined;
  const request: GenerateRequestBody = {
    inputs: { caption: 'a red cube', rgb: { upload: 'upload_1', hide: { box: [0, 0, 0.5, 0.5] } } },
    targets: ['depth', { modality: 'rgb', steps, guidance_scale: 2 }],
    seed: 'random',
  };
  const { outputs }: GenerateResponse = await client.generate(request, {
    signal,
    inline: true,
    onProgress: ({ target, fraction }) => console.log(target, fraction),
    onHeaders: (headers) => console.log(headers.get('cache-status')),
  });
  const output: Output | undefined = outputs.depth?.[0];
  const tokens: number[] | undefined = output?.tokens;
  const picture: Blob = await client.file(output?.image ?? '', { signal });
  const given = { inputs: { rgb: bytes, depth: new Uint8Array(1) }, targets: ['normal'] };
  const png: Blob = await client.generateFile(given, { type: 'image/png', timeout: 5, retries: 0 });
  await client.generateFile({
    inputs: { rgb: { data: bytes, hide: [{ mask: bytes }, { box: [0, 0, 1, 0.5] }] } },
    targets: ['rgb'],
  });
  for await (const event of client.generateStream(request, { inline: false, signal })) {
    if (event.event === 'progress') console.log(event.data.step, png.type);
    if (event.event === 'result') console.log(event.data.outputs);
  }
  // @ts-expect-error: a file is bytes
  await client.generate({ inputs: { rgb: new Date() }, targets: ['depth'] });
  const { plan, usage } = await client.dryRun(request);
  const { items }: EmbedResponse = await client.embed({
    items: [{ inputs: { caption: 'a cone' } }],
    features: 'mean',
  });
  const { inputs } = await client.tokenize({
    inputs: { caption: 'a cone', rgb: bytes },
    keep: true,
  });
  const kept = await client.tokens(inputs.caption?.ref ?? '');
  const shown = await client.detokenize({ tokens: { depth: { tokens: [1, 2, 3] } } });
  const { units } = (await client.embedDryRun({ inputs: { caption: 'a' }, features: 'mean' }))
    .usage;
  await client.deleteResult('id');
  const { balance, rows }: UsageResponse = await client.usage({
    from: '2026-01-01',
    groupBy: ['day', 'model'],
  });
  console.log(balance, rows[0]?.amount);
  const { models } = await client.models();
  const { owned_by } = await client.model(models[0]?.id ?? '');
  const { modalities } = await client.modalities();
  console.log(tokens, picture.size, plan, usage.units, items, kept.tokens, shown, units);
  console.log(models[0]?.licence, owned_by, modalities[0]?.presentation);
  // @ts-expect-error: an output has no such field
  console.log(output?.picture);
  // @ts-expect-error: the field is called inputs
  await client.generate({ input: {}, targets: ['depth'] });
  // @ts-expect-error: no such feature
  await client.embed({ inputs: { caption: 'a' }, features: 'all' });
}

export async function collections(): Promise<void> {
  const { name } = await client.createCollection({
    name: 'scenes',
    embedding: { kind: 'target', target: 'scene_global' },
  });
  await client.addItems(name, [{ id: 'a', inputs: { rgb: bytes }, metadata: { year: 1 } }]);
  const { results } = await client.search(name, { inputs: { rgb: bytes }, k: 3 }, { signal });
  const score: number | undefined = results[0]?.score;
  const form = new FormData();
  console.log(score, await client.importItems(name, form), await client.importItems(name, bytes));
  console.log((await client.items(name, { limit: 10 })).items[0]?.metadata);
  console.log(await client.item(name, 'a'), await client.deleteItem(name, 'a'));
  console.log(await client.collections({ limit: 1 }), await client.collection(name));
  console.log(await client.deleteCollection(name));
}

export async function heads(): Promise<void> {
  const examples = [
    { inputs: { rgb: bytes }, label: 'cone' },
    { inputs: { caption: 'a cube' }, label: 'cube' },
  ];
  const head: Head = await client.fitHead({ name: 'shapes', examples }, { onProgress: () => {} });
  await client.putHead('other', bytes, { model: '4m-shapes' });
  await client.classify({ head: head.name, items: [{ inputs: { rgb: bytes } }] });
  console.log(await client.heads(), await client.head('shapes', { version: head.version }));
  const { deleted } = await client.deleteHead('shapes');
  console.log(deleted);
}

export async function work(): Promise<void> {
  const job = await client.jobs.submit('generate', { inputs: { rgb: bytes }, targets: ['rgb'] });
  const result: GenerateResponse = await job.wait({ onProgress: ({ step }) => console.log(step) });
  const again = await client.jobs.get<GenerateResponse>(job.id);
  for await (const event of again.events({ after: '3' }))
    if (event.event === 'result') console.log(event.data.outputs, result.id);
  const canceled: Job = await job.cancel();
  const { jobs, next } = await client.jobs.list({ status: 'queued', limit: 5 });
  console.log(canceled.status, jobs[0]?.task, next);

  const batch: Batch = await client.batches.create(
    [{ custom_id: 'a', method: 'POST', url: '/v1/embed', body: {} }],
    { endpoint: '/v1/embed', completionWindow: '24h' },
  );
  await client.batches.create(bytes);
  await client.batches.wait(batch.id, { onProgress: (now) => console.log(now.request_counts) });
  for await (const { custom_id, response } of client.batches.output(batch.id))
    console.log(custom_id, response?.status_code);
  for await (const { error } of client.batches.errors(batch.id)) console.log(error?.code);
  console.log(await client.batches.list({ limit: 1 }), await client.batches.get(batch.id));
  console.log(await client.batches.cancel(batch.id));
  const [told] = await client.batches.deliveries(batch.id);
  if (told) await client.batches.redeliver(batch.id, told.id);
}

export async function files(): Promise<void> {
  const { id } = await client.upload(bytes, { contentType: 'image/png' });
  console.log((await client.uploaded(id)).status);
  await client.deleteUpload(id);
}

export async function webhooks(body: string, headers: Headers): Promise<void> {
  const { secret } = await client.webhooks.secret();
  await client.webhooks.rotate();
  try {
    const { type, data } = await verifyWebhook(body, headers, secret);
    const [delivery] = await client.webhooks.deliveries(data.id);
    if (delivery) await client.webhooks.redeliver(data.id, delivery.id);
    console.log(type);
  } catch (error) {
    if (error instanceof TimeoutError) console.log(error.milliseconds);
    if (error instanceof ConnectionError || error instanceof AbortError) console.log(error.cause);
    if (error instanceof WebhookError) console.log(error.reason);
    if (error instanceof ProblemError) {
      const { code, retryable }: Problem = error.problem;
      console.log(code, retryable);
    }
  }
}
