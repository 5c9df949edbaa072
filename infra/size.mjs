// Prints what the edge and the client weigh, as they are deployed: minified, in KiB after gzip. Fails where
// one has grown beyond its bound, so that a dependency does not slip in unseen.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const kibibytes = (bytes) => gzipSync(bytes, { level: 9 }).length / 1024;

/** The Worker as wrangler bundles it. */
function edgeBundle() {
  // Its static assets have to be there, and do not count.
  const pages = spawnSync(process.execPath, [join(root, 'edge/pages/build.mjs')], {
    stdio: 'inherit',
  });
  if (pages.status !== 0) throw new Error('the pages cannot be built');
  const folder = mkdtempSync(join(tmpdir(), 'fourm-size-'));
  try {
    const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
    const args = [wrangler, 'deploy', '--dry-run', '--outdir', folder];
    const env = {
      ...process.env,
      CI: '1',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_LOG_PATH: folder,
    };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      env,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`wrangler cannot bundle the edge:\n${stdout}${stderr}`);
    return readFileSync(join(folder, 'index.js'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function browserBundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0].contents;
}

const sizes = [
  { what: 'edge', bytes: edgeBundle(), bound: 300 },
  { what: 'client', bytes: await browserBundle('shared/client/index.ts'), bound: 8 },
];
for (const { what, bytes, bound } of sizes) {
  const size = kibibytes(bytes);
  console.log(`${what}: ${size.toFixed(1)} KiB gzip of at most ${bound}`);
  if (size > bound) process.exitCode = 1;
}
