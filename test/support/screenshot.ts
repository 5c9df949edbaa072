/** `node dist/test/support/screenshot.js URL OUT.png [light|dark] [WIDTH]`: the playground with all predictions. */
import { launchBrowser } from './browser.ts';

const [url, out, scheme = 'light', width = '1360'] = process.argv.slice(2);
if (!url || !out || (scheme !== 'light' && scheme !== 'dark') || !(Number(width) > 0)) {
  console.error('usage: screenshot.js URL OUT.png [light|dark] [WIDTH]');
  process.exit(2);
}

const browser = await launchBrowser();
try {
  const page = await browser.newPage({
    colorScheme: scheme,
    viewport: { width: Number(width), height: 900 },
    deviceScaleFactor: 1,
  });
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
  await page.getByRole('button', { name: 'Use example scene-1.png' }).click();
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByText(/^Done in/).waitFor({ timeout: 120_000 });
  // As tall as its content, so that nothing sticks to the edge of a smaller window.
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: Number(width), height });
  await page.screenshot({ path: out, fullPage: true });
} finally {
  await browser.close();
}
