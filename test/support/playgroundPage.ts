/** A visitor of the playground: opens pages, gives pictures, runs, and reads what is shown. */
import type { Browser, Locator, Page } from 'playwright-core';

/** Only what hangs takes so long, on a slow machine too. */
export const PAGE_TIMEOUT = 120_000;
export const RUN_TIMEOUT = 240_000;

export interface Visit {
  readonly page: Page;
  /** Console errors and uncaught exceptions. */
  readonly complaints: string[];
}

export interface VisitOptions {
  /** Behind the address of the server, such as `#generate?seed=1`. */
  readonly path?: string;
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

/** A fresh page with its form built. */
export async function visit(
  browser: Browser,
  url: string,
  { path = '', width = 1280, height = 900, scheme = 'light' }: VisitOptions = {},
): Promise<Visit> {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
  page.setDefaultTimeout(PAGE_TIMEOUT);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${url}/${path}`);
  await page.waitForSelector('html[data-ready]');
  return { page, complaints };
}

/** Drops a file on the picture input, as the browser reports a drop. */
export async function drop(page: Page, name: string, type: string, bytes: Buffer): Promise<void> {
  const dataTransfer = await page.evaluateHandle(
    ({ base64, fileName, fileType }) => {
      const content = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([content], fileName, { type: fileType }));
      return transfer;
    },
    { base64: bytes.toString('base64'), fileName: name, fileType: type },
  );
  await page.dispatchEvent('[data-field="/inputs/rgb"] .drop', 'drop', { dataTransfer });
}

export const tickOnly = async (page: Page, ...names: readonly string[]): Promise<void> => {
  await page.getByRole('button', { name: 'None', exact: true }).click();
  for (const name of names) await page.locator(`input[name=target][value="${name}"]`).check();
};

/** Names of the targets that are ticked and can be. */
export const tickedIn = (page: Page): Promise<string[]> =>
  page
    .locator('input[name=target]:checked:enabled')
    .evaluateAll((boxes) => boxes.map((box) => (box as HTMLInputElement).value));

export const textOf = async (locator: Locator): Promise<string> =>
  (await locator.textContent()) ?? '';

/** Runs, and resolves with what is said of it. */
export const run = async (page: Page): Promise<string> => {
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const status = page.locator('#status', { hasText: /^Done in/ });
  await status.waitFor({ timeout: RUN_TIMEOUT });
  return await textOf(status);
};

/** Runs, and resolves with the body that was sent. */
export async function sentByRun(page: Page): Promise<Record<string, never>> {
  const asked = page.waitForRequest(
    (request) =>
      request.url().includes('/v1/generate') && request.headers().accept === 'text/event-stream',
  );
  await run(page);
  return (await asked).postDataJSON();
}

/** Size and pixels (as `#rrggbb`) of the picture on a card. */
export const pixelsOf = (
  page: Page,
  target: string,
): Promise<{ width: number; colours: string[] }> =>
  page.locator(`[data-target=${target}] img.result-picture`).evaluate(async (node) => {
    const image = node as HTMLImageElement;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d')!;
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const colours = Array.from({ length: data.length / 4 }, (_, i) => {
      const rgb = [...data.subarray(i * 4, i * 4 + 3)];
      return `#${rgb.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
    });
    return { width: image.naturalWidth, colours };
  });
