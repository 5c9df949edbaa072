/** A headless Chromium for tests: Debian's own, so that nothing is downloaded. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CANDIDATES = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Why a browser cannot be started here; undefined when it can. For `test(..., { skip })`. */
export function browserMissing(): string | undefined {
  return CANDIDATES.some((path) => path && existsSync(path))
    ? undefined
    : 'a browser (install Chromium, or set CHROMIUM_PATH)';
}

/** Starts the browser without anything that calls home. @throws Error when `browserMissing()` says so */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = CANDIDATES.find((path) => path && existsSync(path));
  if (executablePath === undefined) throw new Error(browserMissing());
  return await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}
