/** What a newcomer does: the start script as a process of its own, and the README's curl commands. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { namedObjects } from '../../infra/demo/evaluate/metrics.ts';
import { captionOf, describe } from '../../infra/demo/scene/describe.ts';
import { examples } from '../../infra/demo/scene/scenes.ts';
import { repositoryRoot } from '../../infra/stack.ts';
import { type Product, startProduct } from '../support/product.ts';
import { compatibleTests } from './compatible.ts';

const run = promisify(execFile);
let product: Product;
let folder = '';
let address = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), '4m-start-'));
  product = await startProduct(folder);
  address = product.url.replace('http://', '');
});

after(async () => {
  product?.process.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const curl = async (...parameters: string[]): Promise<Buffer> => {
  const { stdout } = await run('curl', ['-sS', ...parameters], {
    cwd: repositoryRoot,
    encoding: 'buffer',
    maxBuffer: 32_000_000,
  });
  return stdout;
};

test('ready as soon as the address is printed', async () => {
  assert.equal((await fetch(`http://${address}/readyz`)).status, 200);
});

test('the README command answers a depth map, and the second time from the store', async () => {
  const ask = ['-F', 'rgb=@examples/scene-1.png', '-F', 'targets=depth'];
  const png = ['-H', 'Accept: image/png', `${address}/v1/generate`];
  const first = await curl(...ask, ...png);
  const { width, height } = await sharp(first).metadata();
  assert.deepEqual({ width, height }, { width: 64, height: 64 });
  const { channels } = await sharp(first).stats();
  assert.ok(channels[0]!.stdev > 10, 'the picture shows something');
  const again = (await curl('-D', '-', '-o', '/dev/null', ...ask, ...png)).toString();
  assert.match(again, /cache-status: [^\r\n]*; hit/i);
  assert.deepEqual(await curl(...ask, ...png), first);
});

test('predictions of the first example agree with how it was made', async () => {
  // The picture as committed, and the same scene made anew by the generator: three solids.
  const committed = await sharp(join(repositoryRoot, 'examples/scene-1.png')).raw().toBuffer();
  const made = [...examples(1_001_000_000, 60)].find(({ scene }) => scene.solids.length === 3)!;
  assert.deepEqual(committed, Buffer.from(made.rendering.rgb));
  const answer = JSON.parse(
    (
      await curl(
        ...['-F', 'rgb=@examples/scene-1.png', '-F', 'targets=caption', '-F', 'targets=det'],
        `${address}/v1/generate`,
      )
    ).toString(),
  );
  const caption = answer.outputs.caption[0].text as string;
  assert.equal(namedObjects(caption), namedObjects(captionOf(made.scene)));
  const { boxes } = describe(made.scene, made.rendering);
  assert.equal(answer.outputs.det[0].value.length, boxes.length);
});

test('a truncated picture and a text in its place are refused, naming the field', async () => {
  const whole = await readFile(join(repositoryRoot, 'examples/scene-1.png'));
  for (const bytes of [whole.subarray(0, whole.length / 2), Buffer.from('no picture')]) {
    const response = await fetch(`http://${address}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        inputs: { rgb: { data: bytes.toString('base64') } },
        targets: ['depth'],
      }),
    });
    const problem = await response.json();
    assert.equal(response.status, 400);
    assert.match(response.headers.get('content-type')!, /^application\/problem\+json/);
    assert.equal(problem.code, 'invalid_image');
    assert.match(problem.errors[0].pointer, /^\/inputs\/rgb/);
  }
});

test('equal seeds give equal pictures, others give others', async () => {
  const paint = async (seed: number): Promise<Buffer> => {
    const response = await fetch(`http://${address}/v1/generate`, {
      method: 'POST',
      headers: { accept: 'image/png', 'cache-control': 'no-store' },
      body: new Blob(
        [JSON.stringify({ inputs: { caption: 'a red cone' }, targets: ['rgb'], seed })],
        { type: 'application/json' },
      ),
    });
    assert.equal(response.status, 200);
    return Buffer.from(await response.arrayBuffer());
  };
  const [a, b, c] = [await paint(0), await paint(0), await paint(1)];
  assert.deepEqual(a, b);
  assert.notDeepEqual(a, c);
});

compatibleTests(() => product.url);

test('an interrupt ends everything within the bound, with exit code 0', async () => {
  assert.equal(await product.stop(), 0);
  await assert.rejects(fetch(`http://${address}/healthz`));
});
