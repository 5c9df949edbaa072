/** The client's package as a stranger has it: built, packed, and installed in an empty folder. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../infra/paths.ts';

const run = promisify(execFile);
export const CLIENT_PACKAGE = '@4m-edge/client';
const compiler = join(repositoryRoot, 'node_modules/typescript/bin/tsc');

/** Builds and packs it; resolves with the place of the tarball. */
export async function packClient(): Promise<string> {
  await run(process.execPath, [join(repositoryRoot, 'dist/infra/client/build.js')]);
  const out = join(repositoryRoot, 'dist/client');
  const [tarball] = (await readdir(out)).filter((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('nothing was packed');
  return join(out, tarball);
}

/** An empty folder with the package in it, without any registry. */
export async function installClient(tarball: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  const quiet = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
  await run('npm', ['install', ...quiet, tarball], { cwd: folder });
}

const VITE = 'vite@8.3.8';

/** Builds the page of `sources` by Vite as its users do; resolves with its folder, or with why Vite could not be fetched. */
export async function buildByVite(
  tarball: string,
  folder: string,
  sources: string,
): Promise<{ readonly built: string } | { readonly missing: string }> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  for (const file of ['page.js', 'browser.js'])
    await copyFile(join(sources, file), join(folder, file));
  const html = '<p id="seen"></p><script type="module" src="/page.js"></script>';
  await writeFile(join(folder, 'index.html'), `<!doctype html>${html}`);
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
  const failed = await run('npm', ['install', ...quiet, tarball, VITE], { cwd: folder }).then(
    () => undefined,
    (error: { message: string }) => error.message,
  );
  if (failed !== undefined) return { missing: failed };
  await run(process.execPath, ['node_modules/vite/bin/vite.js', 'build'], { cwd: folder });
  return { built: join(folder, 'dist') };
}

/** Bundles a Worker by wrangler, which finds packages where the Worker lies; resolves with its one module. */
export async function bundleByWrangler(folder: string, entry: string): Promise<string> {
  const out = join(folder, 'bundled-worker');
  const configuration = { name: 'stranger', main: entry, compatibility_date: '2026-04-01' };
  await writeFile(join(folder, 'wrangler.json'), JSON.stringify(configuration));
  const wrangler = join(repositoryRoot, 'node_modules/wrangler/bin/wrangler.js');
  const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: out };
  await run(process.execPath, [wrangler, 'deploy', '--dry-run', '--outdir', out], {
    cwd: folder,
    env,
  });
  return join(out, entry);
}

/** Files of a folder, by their addresses, at an origin of their own. */
export async function serveFolder(folder: string) {
  const names = await readdir(folder, { recursive: true });
  const files = new Map(names.map((name) => [`/${name}`, join(folder, name)]));
  const server = createServer(async ({ url = '/' }, response) => {
    const path = url.replace(/\?.*/, '');
    const file = files.get(path === '/' ? '/index.html' : path);
    if (file === undefined) return void response.writeHead(404).end();
    const type = file.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(200, { 'content-type': type }).end(await readFile(file));
  });
  return await listening(server);
}

/** Runs a program in the folder; resolves with what it prints. @throws Error with what it says, when it fails */
export async function runProgram(
  folder: string,
  file: string,
  parameters: readonly string[],
): Promise<string> {
  const { stdout } = await run(process.execPath, [file, ...parameters], { cwd: folder });
  return stdout;
}

/** What the strictest compiler says of programs of the folder; empty when nothing. */
export async function typeFaults(
  folder: string,
  include: readonly string[],
  options: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // The package's own types are looked at as well.
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: [],
    ...options,
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }));
  return await run(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
    maxBuffer: 1 << 26,
  }).then(
    () => '',
    (error: { stdout?: string; message: string }) => error.stdout || error.message,
  );
}

/** A page that holds a script, at an origin of its own. */
export async function servePage(script: string) {
  const text = await readFile(script, 'utf8');
  const server = createServer(({ url }, response) => {
    const isScript = url === '/page.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
    response.end(
      isScript ? text : '<p id="seen"></p><script type="module" src="/page.js"></script>',
    );
  });
  return await listening(server);
}

async function listening(server: Server) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
