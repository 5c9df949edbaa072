// `npm run images:check [-- --rebuild]`: builds both images on a base made of Debian's packages, runs them as they are
// meant to run (another user than root, a root that cannot be written, no capabilities), and asks the edge for a depth
// picture through both. On Debian, as root; it takes minutes. What it cannot show: a card, and NVIDIA's base.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { build, capture, ensureBases, say, startContainer, stopContainers } from './containers.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const SECRET = 'a-secret-for-the-check-alone';
const WORKER_PORT = 18788;
const EDGE_PORT = 18787;
const edge = `http://127.0.0.1:${EDGE_PORT}`;

function check(what, isFine) {
  say(`${isFine ? 'ok  ' : 'FAIL'} ${what}`);
  if (!isFine) throw new Error(what);
}

/** The container is what its file says: not root, nothing to be written but its folders. */
function checkConfinement({ name }) {
  check(
    `${name} runs as user 65532`,
    capture('podman', ['exec', name, 'id', '-u']).out === '65532',
  );
  for (const folder of ['/', '/app', '/etc'])
    check(
      `${name} cannot write to ${folder}`,
      capture('podman', ['exec', name, 'touch', join(folder, 'written')]).code !== 0,
    );
  check(
    `${name} can write to /data`,
    capture('podman', ['exec', name, 'sh', '-c', 'touch /data/written && rm /data/written'])
      .code === 0,
  );
}

async function ask(targets, accept) {
  const body = new FormData();
  const picture = readFileSync(join(root, 'examples/scene-1.png'));
  body.append('rgb', new Blob([picture], { type: 'image/png' }), 'scene-1.png');
  body.append('targets', targets);
  return await fetch(`${edge}/v1/generate`, { method: 'POST', body, headers: { accept } });
}

async function checkPicture() {
  const answer = await ask('depth', 'image/png');
  check(`the edge answers a depth picture (${answer.status})`, answer.status === 200);
  const image = sharp(Buffer.from(await answer.arrayBuffer()));
  const { width, height } = await image.metadata();
  const { channels } = await image.stats();
  check(
    `it has ${width}x${height} pixels, which differ`,
    width > 32 && height > 32 && channels.some(({ stdev }) => stdev > 5),
  );
}

/** What the edge's image holds besides the edge: the command that makes keys, and pages. */
async function checkBeside({ name }) {
  const create = ['exec', name, 'node', 'keys.mjs', 'create', '--tenant', 'check'];
  const { code, out } = capture('podman', create);
  check(`keys are made in ${name}`, code === 0 && out.startsWith('4m_'));
  for (const path of ['/', '/docs', '/openapi.json']) {
    const { status } = await fetch(edge + path);
    check(`${path} is answered (${status})`, status === 200);
  }
}

/** A worker that is told to end answers what it has begun, and ends with 0. */
async function checkDrain(worker) {
  const asked = ask('caption', 'application/json');
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { code } = capture('podman', ['stop', '--time', '30', worker.name]);
  const answer = await asked;
  check(`the request under way was answered (${answer.status})`, answer.status === 200);
  const exit = capture('podman', ['inspect', '--format', '{{.State.ExitCode}}', worker.name]).out;
  check(`the worker was stopped by TERM and ended with 0 (${exit})`, code === 0 && exit === '0');
}

/** An image whose provider is missing, made for another CUDA or without its libraries must not come to be. */
function checkRefusals() {
  const refused = (what, options, reason) => {
    const { err } = build('worker', options, { mayFail: true });
    check(`a build ${what} fails: ${reason}`, err.includes(reason));
  };
  refused('with an unknown PROVIDER', { PROVIDER: 'opencl' }, 'PROVIDER has to be cpu or cuda');
  if (!existsSync(join(root, '.provider/libonnxruntime_providers_cuda.so'))) {
    say('--   .provider/ holds no CUDA provider: builds for cards were not tried');
    return;
  }
  const cuda = { PROVIDER: 'cuda' };
  refused('for another CUDA', { ...cuda, CUDA_MAJOR: '12' }, 'the provider is made for CUDA 13');
  refused('for cards on a base without CUDA', cuda, 'the base lacks libraries of CUDA 13');
}

async function main() {
  ensureBases();
  const isFresh = process.argv.includes('--rebuild');
  for (const image of ['worker', 'edge']) {
    const { seconds, megabytes } = build(image, {}, { isFresh });
    say(`ok   4m-${image} is built in ${seconds} s and has ${megabytes} MB`);
  }
  const worker = await startContainer('worker', `http://127.0.0.1:${WORKER_PORT}/v2/health/ready`, {
    FOURM_WORKER_HOST: '127.0.0.1',
    FOURM_WORKER_PORT: String(WORKER_PORT),
    FOURM_WORKER_SECRET: SECRET,
    FOURM_STORE: 'disk',
  });
  const running = await startContainer('edge', `${edge}/readyz`, {
    HOST: '127.0.0.1',
    PORT: String(EDGE_PORT),
    FOURM_AUTH: 'off',
    FOURM_WORKERS: `http://127.0.0.1:${WORKER_PORT}`,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_STORE: 'disk',
  });
  for (const container of [worker, running]) {
    say(`ok   ${container.name} is ready after ${container.seconds} s`);
    check(
      `${container.name}: its own health check succeeds`,
      capture('podman', ['healthcheck', 'run', container.name]).code === 0,
    );
    checkConfinement(container);
  }
  await checkBeside(running);
  await checkPicture();
  await checkDrain(worker);
  check(
    'the health check of a worker that has ended fails',
    capture('podman', ['healthcheck', 'run', worker.name]).code !== 0,
  );
  checkRefusals();
}

try {
  await main();
  say('4M Edge runs in both images.');
} finally {
  stopContainers();
}
