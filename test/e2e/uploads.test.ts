/** What `npm start` runs, asked with pictures that it has to get by itself: uploaded, or by their address. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { repositoryRoot } from '../../infra/stack.ts';
import { type Client, createClient, ProblemError } from '../../shared/client/index.ts';
import { standIn } from '../support/guardStandIns.ts';
import { type Product, startProduct } from '../support/product.ts';

describe('uploads, addresses and links of real processes', () => {
  let product: Product;
  let client: Client;
  let folder = '';
  let picture: Buffer<ArrayBuffer>;
  let sha256 = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-uploads-'));
    picture = await readFile(join(repositoryRoot, 'examples/scene-1.png'));
    sha256 = createHash('sha256').update(picture).digest('hex');
    product = await startProduct(folder, {
      env: { FOURM_THREADS: '1', FOURM_URLS_ALLOW: 'http,loopback' },
    });
    client = createClient({ baseUrl: product.url });
  });

  after(async () => {
    await product?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const tokensOf = async (rgb: unknown): Promise<readonly (number | null)[] | undefined> => {
    const { inputs } = await client.tokenize({ inputs: { rgb } as never });
    return inputs.rgb?.tokens;
  };
  const within = () => ({ data: picture.toString('base64') });

  test('an upload gives the tokens, the key and the result of the bytes themselves', async () => {
    const { id, status, size } = await client.upload(new Blob([picture], { type: 'image/png' }));
    assert.deepEqual([status, size], ['arrived', picture.length]);
    assert.deepEqual(await tokensOf({ upload: id }), await tokensOf(within()));
    const request = { targets: ['depth'], inputs: { rgb: { upload: id } } };
    const made = await client.generate(request);
    assert.equal(made.sources?.['/inputs/rgb']?.sha256, sha256);
    let status_: string | null = '';
    const onHeaders = (headers: Headers): void => {
      status_ = headers.get('cache-status');
    };
    const same = await client.generate({ ...request, inputs: { rgb: within() } }, { onHeaders });
    assert.equal(status_, 'fourm-edge; hit');
    assert.equal(same.id, made.id);
    // A job finds the bytes after the upload has gone.
    const queued = { ...request, targets: ['normal'] };
    const job = await client.jobs.submit('generate', queued);
    await client.deleteUpload(id);
    const result = await job.wait();
    assert.equal(result.outputs.normal?.length, 1);
    assert.equal(result.sources?.['/inputs/rgb']?.sha256, sha256);
  });

  test('an address does the same, and one that may not be asked is refused', async () => {
    const server = await standIn((_, response) =>
      response.writeHead(200, { 'content-type': 'image/png' }).end(picture),
    );
    try {
      const url = `http://127.0.0.1:${server.port}/scene.png`;
      assert.deepEqual(await tokensOf({ url }), await tokensOf(within()));
      const vectors = await client.embed({
        items: [{ inputs: { rgb: { url } } }],
        features: 'mean',
      });
      const same = await client.embed({ items: [{ inputs: { rgb: within() } }], features: 'mean' });
      assert.equal(vectors.id, same.id);
      assert.equal(server.seen.length, 2);
      await assert.rejects(
        tokensOf({ url: 'http://10.0.0.1/a.png' }),
        (error) => error instanceof ProblemError && error.problem.code === 'url_refused',
      );
    } finally {
      await server.close();
    }
  });

  test('links lead to the files that are answered within the answer', async () => {
    const request = { targets: ['depth'], inputs: { rgb: within() } };
    const whole = (await client.generate(request, { inline: true })).outputs.depth?.[0];
    const linked = (await client.generate(request, { inline: false })).outputs.depth?.[0];
    for (const field of ['image', 'data'] as const) {
      const link = linked?.links?.[field];
      const file = Buffer.from(await (await client.file(linked?.[field] ?? '')).arrayBuffer());
      const inside = Buffer.from(await (await client.file(whole?.[field] ?? '')).arrayBuffer());
      assert.deepEqual(file, inside);
      assert.equal(createHash('sha256').update(file).digest('hex'), link?.sha256);
    }
  });
});
