/**
 * The edge as it is deployed, in workerd without the proxy of `wrangler dev`, which does not pass on that
 * a caller's connection has broken.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../../infra/paths.ts';
import { freePort } from '../../infra/stack.ts';
import { endsWithUs, type RunningProcess } from './workerd.ts';

const workerd = join(repositoryRoot, 'node_modules/workerd/bin/workerd');
const wrangler = join(repositoryRoot, 'node_modules/wrangler/bin/wrangler.js');

const configOf = (port: number, vars: Readonly<Record<string, string>>): string => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "edge", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = "2026-04-01",
      compatibilityFlags = ["nodejs_compat", "enable_request_signal"],
      bindings = [(name = "ASSETS", service = "assets"), ${Object.entries(vars)
        .map(([name, value]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`)
        .join(', ')}],
    )),
    (name = "assets", disk = (path = ${JSON.stringify(join(repositoryRoot, 'dist/edge/assets'))})),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "edge")],
);
`;

export interface RunningWorkerd extends RunningProcess {
  readonly pid: () => number | undefined;
}

/**
 * @param output file descriptor of what it prints; that of this process when absent
 * @throws Error when the edge cannot be bundled, or ends early, or does not answer within three minutes
 */
export async function startWorkerdAlone(
  vars: Readonly<Record<string, string>>,
  output?: number,
): Promise<RunningWorkerd> {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-workerd-alone-'));
  const environment = {
    ...process.env,
    CI: '1',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_LOG_PATH: join(folder, 'logs'),
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  };
  const arguments_ = [wrangler, 'deploy', '--dry-run', '--outdir', folder];
  const bundled = spawnSync(process.execPath, arguments_, {
    cwd: repositoryRoot,
    env: environment,
  });
  if (bundled.status !== 0) throw new Error(`the edge was not bundled:\n${bundled.stderr}`);
  const port = await freePort();
  await writeFile(join(folder, 'config.capnp'), configOf(port, vars));
  const child = spawn(workerd, ['serve', join(folder, 'config.capnp')], {
    // A group of its own, so that workerd itself ends with what starts it.
    detached: true,
    stdio: ['ignore', output ?? 'inherit', output ?? 'inherit'],
  });
  endsWithUs(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 1800 && child.exitCode === null; tries++) {
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return { url, close, pid: () => child.pid };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await close();
  throw new Error('workerd did not answer within three minutes');
}
