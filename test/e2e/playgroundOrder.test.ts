/** What a visitor of the playground does while something is under way: what comes later holds, and nothing is lost. */
import { after, before } from 'node:test';
import type { Browser } from 'playwright-core';
import { parseConfig } from '../../edge/config.ts';
import { type RunningEdge, startEdge } from '../../edge/node.ts';
import { browserMissing, launchBrowser } from '../support/browser.ts';
import { type FakeWorker, SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { formOrderTests } from './playground/formOrder.ts';
import { jobsOrderTests } from './playground/jobsOrder.ts';
import { retrieveOrderTests } from './playground/retrieveOrder.ts';
import { runOrderTests } from './playground/runOrder.ts';
import { viewOrderTests } from './playground/viewOrder.ts';

const missing = browserMissing();
const options = missing ? { skip: missing } : {};

let worker: FakeWorker;
let edge: RunningEdge;
let browser: Browser;
before(async () => {
  if (missing) return;
  worker = await startFakeWorker();
  edge = await startEdge(
    parseConfig({ PORT: '0', FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET }),
  );
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await edge?.close();
  await worker?.close();
});

const place = () => ({ browser, url: `http://127.0.0.1:${edge.port}`, folder: '' });

runOrderTests(place, options);
formOrderTests(place, options);
viewOrderTests(place, options);
jobsOrderTests(place, options);
retrieveOrderTests(place, options);
