// Building and running images with podman and buildah where there is no daemon, no systemd and little of a kernel:
// the isolation and the runtime are the ones that need least.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const READY_MS = 120_000;
process.env.STORAGE_DRIVER ??= 'vfs';

export const say = (line) => console.log(line);

/** Runs a command and returns its code and what it printed. */
export function capture(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: root });
  return { code: status ?? 1, out: (stdout ?? '').trim(), err: stderr ?? '' };
}

/** @throws Error with what the command printed */
function run(command, args) {
  const done = capture(command, args);
  if (done.code !== 0) throw new Error(`${command} ${args.join(' ')}:\n${done.out}\n${done.err}`);
  return done;
}

export function ensureBases() {
  const { status } = spawnSync('bash', [join(here, 'bases.sh')], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the base images could not be made');
}

/** The bases trust the certificate authorities of this machine, at the place where Debian has them. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** What a build needs of this machine: its npm configuration as a secret, and its proxies. */
function ofThisMachine() {
  const own = join(homedir(), '.npmrc');
  const npmrc = join(mkdtempSync(join(tmpdir(), '4m-images-')), 'npmrc');
  const lines = [existsSync(own) ? readFileSync(own, 'utf8') : '', `cafile=${AUTHORITIES}`];
  writeFileSync(npmrc, `${lines.join('\n')}\n`, { mode: 0o600 });
  const passed = Object.entries(process.env).filter(([name]) =>
    /^(https?_proxy|no_proxy|npm_config_registry)$/i.test(name),
  );
  return {
    args: [
      ...['--secret', `id=npmrc,src=${npmrc}`],
      ...passed.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ],
    remove: () => rmSync(dirname(npmrc), { recursive: true }),
  };
}

/**
 * Builds infra/NAME.Dockerfile on the bases of bases.sh.
 * @throws Error when it fails and may not
 */
export function build(name, options = {}, { isFresh = false, mayFail = false } = {}) {
  const started = performance.now();
  const machine = ofThisMachine();
  const image = `localhost/4m-check/${name}`;
  const given = {
    NODE_IMAGE: 'localhost/4m-check/node',
    BASE: 'localhost/4m-check/debian',
    ...options,
  };
  const args = [
    ...['bud', '--isolation', 'chroot', '--format', 'docker', '--network', 'host'],
    ...(isFresh ? ['--no-cache'] : ['--layers']),
    ...machine.args,
    ...Object.entries(given).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
    ...[
      '-f',
      join(root, `infra/${name}.Dockerfile`),
      '-t',
      mayFail ? `${image}-refused` : image,
      root,
    ],
  ];
  const done = capture('buildah', args);
  machine.remove();
  if (done.code !== 0 && !mayFail) throw new Error(`${image}:\n${done.out}\n${done.err}`);
  const size = capture('podman', ['image', 'inspect', '--format', '{{.Size}}', image]).out;
  return {
    ...done,
    seconds: Math.round((performance.now() - started) / 1000),
    megabytes: Math.round(Number(size) / 1e6),
  };
}

const started = [];
const STORE = '4m-check-store';

/** Runs an image as it is meant to run, and resolves when it answers 200 at this address. */
export async function startContainer(name, address, environment) {
  const container = `4m-check-${name}`;
  capture('podman', ['rm', '-f', container]);
  const since = performance.now();
  run('podman', [
    ...['run', '--detach', '--name', container, '--runtime', 'runc', '--network', 'host'],
    ...['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'],
    ...[
      '--read-only',
      '--tmpfs',
      '/tmp',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
    ],
    // The store that both share, as in compose.yaml.
    ...['--volume', `${STORE}:/data/store`],
    ...Object.entries(environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    `localhost/4m-check/${name}`,
  ]);
  started.push(container);
  while (performance.now() - since < READY_MS) {
    const answer = await fetch(address).catch(() => undefined);
    if (answer?.ok) {
      return { name: container, seconds: ((performance.now() - since) / 1000).toFixed(1) };
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { out, err } = capture('podman', ['logs', container]);
  throw new Error(`${container} is not ready after ${READY_MS / 1000} s:\n${out}\n${err}`);
}

export function stopContainers() {
  for (const name of started) capture('podman', ['rm', '-f', '--volumes', '--time', '5', name]);
  capture('podman', ['volume', 'rm', STORE]);
}
