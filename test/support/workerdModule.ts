/** A module of a Worker in workerd, as it stands: without wrangler, bindings or anything that calls home. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { repositoryRoot } from '../../infra/paths.ts';
import { freePort } from '../../infra/stack.ts';
import { endsWithUs, type RunningProcess } from './workerd.ts';

const workerd = join(repositoryRoot, 'node_modules/workerd/bin/workerd');

const configOf = (port: number, file: string): string => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "index.js", esModule = embed ${JSON.stringify(file)})],
      compatibilityDate = "2026-04-01",
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`;

/** @param path of the module, one file. @throws Error when nothing listens within three minutes */
export async function startWorkerdModule(path: string): Promise<RunningProcess> {
  const port = await freePort();
  const config = join(dirname(path), 'config.capnp');
  await writeFile(config, configOf(port, basename(path)));
  const child = spawn(workerd, ['serve', config], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  endsWithUs(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await ended;
  };
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 1800 && child.exitCode === null; tries++) {
    const answer = await fetch(`${url}/`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer) return { url, close };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await close();
  throw new Error('workerd did not answer');
}
