// Imported before anything that an old Node cannot read: says in one line what to do.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What keeps this machine from running 4M Edge, or undefined. */
function obstacle() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const needed = engines.node.replace('>=', '');
  const [major, minor] = needed.split('.').map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
    return `4M Edge needs Node ${needed} or newer, and this is Node ${process.versions.node}: install a newer one from https://nodejs.org, then run npm ci again`;
  }
  if (!existsSync(join(root, 'node_modules/typescript/package.json'))) {
    return 'the packages are not installed: run npm ci first';
  }
  return undefined;
}

const message = obstacle();
if (message !== undefined) {
  console.error(message);
  process.exit(1);
}
