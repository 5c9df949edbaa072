/** What the edge does on every platform: run by `node.test.ts` and, in real workerd, `workerd.test.ts`. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Store } from '../../shared/store/store.ts';
import { type FakeWorker, SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import { checkRoutes } from '../support/routeCheck.ts';
import { openGates } from '../support/waiting.ts';
import { batchTests } from './batches.ts';
import { bodyTests } from './bodies.ts';
import { cachingTests } from './caching.ts';
import { collectionTests } from './collections.ts';
import { embedTests } from './embed.ts';
import { embeddingsTests } from './embeddings.ts';
import { errorTests } from './errors.ts';
import { happyTests } from './happy.ts';
import { headTests } from './heads.ts';
import { imageTests } from './images.ts';
import { jobTests, startJobs } from './jobs.ts';
import { keyTests } from './keys.ts';
import { lineTests } from './lines.ts';
import { linkTests } from './links.ts';
import { mcpTests } from './mcp.ts';
import { mcpLeavingTests } from './mcpLeaving.ts';
import { moneyTests } from './money.ts';
import { planTests } from './plan.ts';
import { provenanceTests } from './provenance.ts';
import { securityTests } from './security.ts';
import { semanticsTests } from './semantics.ts';
import { sourceTests, startInputs } from './sources.ts';
import { tokenTests } from './tokens.ts';
import { uploadTests } from './uploads.ts';
import { waitingTests } from './waiting.ts';
import { webhookTests } from './webhooks.ts';

export interface Edge {
  readonly url: string;
  close(): Promise<void>;
}

export interface Platform {
  readonly name: string;
  readonly skip?: string | undefined;
  readonly start: (env: Record<string, string>) => Promise<Edge>;
  /** False where what stands before the edge does not tell it that a caller has gone. */
  readonly tellsLeaving: boolean;
  /** Environment of the store that this run is about. */
  readonly store: () => Promise<Record<string, string>>;
  /** The same store, for the worker; absent where it is the edge's alone. */
  readonly shared?: (() => Promise<Store>) | undefined;
}

/** Filled in before the first test runs. */
export interface Fixture {
  readonly worker: FakeWorker;
  readonly url: string;
  /** What edge and worker share. */
  readonly shared: Store | undefined;
}

export const MAX_BODY = 200_000;
export const MAX_UPLOAD = 3 * MAX_BODY;
/** Time of a body; its rate counts after a twelfth of it. */
export const BODY_SECONDS = 4;

export function edgeSuite({ name, skip, start, tellsLeaving, store, shared }: Platform): void {
  describe(`edge on ${name}`, { skip: skip ?? false }, () => {
    let worker: FakeWorker | undefined;
    let edge: Edge | undefined;
    let place: Store | undefined;
    let environment: Record<string, string> = {};
    before(async () => {
      worker = await startFakeWorker();
      // A digest of this run's own, so that no result of an earlier run is found.
      worker.model = { ...worker.model, digest: crypto.randomUUID() };
      place = await shared?.();
      startInputs(worker, place);
      const gone = await startFakeWorker();
      await gone.close();
      environment = {
        // The first worker is never there: every request shows that the next one is asked.
        FOURM_WORKERS: `${gone.url},${worker.url}`,
        FOURM_WORKER_SECRET: SECRET,
        FOURM_MAX_BODY_BYTES: String(MAX_BODY),
        FOURM_BODIES_BYTES: String(4 * MAX_BODY),
        FOURM_BODY_SECONDS: String(BODY_SECONDS),
        FOURM_MODELS_TTL_SECONDS: '0',
        FOURM_MAX_UPLOAD_BYTES: String(MAX_UPLOAD),
        // Receivers of webhooks are on this machine.
        FOURM_URLS_ALLOW: 'http,loopback',
        ...(await store()),
      };
      edge = await start(environment);
      if (place) startJobs(worker, place, edge.url);
    });
    after(async () => {
      await edge?.close();
      await worker?.consumer?.stop();
      await worker?.deliverer?.stop();
      await worker?.close();
    });
    // A test that fails in its midst leaves no closed gate and no failing worker to those behind it.
    afterEach(() => {
      openGates();
      if (worker) Object.assign(worker, { gate: undefined, failure: undefined });
    });
    const fixture: Fixture = {
      get worker() {
        return worker!;
      },
      get url() {
        return edge!.url;
      },
      get shared() {
        return place;
      },
    };
    const check = checkRoutes(() => edge?.url);
    happyTests(fixture);
    errorTests(fixture);
    bodyTests(fixture);
    securityTests(fixture);
    tokenTests(fixture);
    headTests(fixture);
    collectionTests(fixture);
    planTests(fixture);
    waitingTests(fixture, tellsLeaving);
    cachingTests(fixture);
    semanticsTests(fixture, shared !== undefined, tellsLeaving);
    provenanceTests(fixture);
    embedTests(fixture, tellsLeaving);
    embeddingsTests(fixture);
    imageTests(fixture);
    mcpTests(fixture);
    mcpLeavingTests(fixture, tellsLeaving);
    jobTests(fixture, shared !== undefined);
    uploadTests(fixture);
    sourceTests(fixture);
    linkTests(fixture);
    lineTests(fixture);
    batchTests(fixture, shared !== undefined);
    webhookTests(fixture, shared !== undefined);
    keyTests(fixture, (env) => start({ ...environment, ...env }), shared !== undefined);
    moneyTests(fixture, (env) => start({ ...environment, ...env }), shared !== undefined);
    test('every answer of the tests before is in the route table', async () => {
      check.stop();
      assert.deepEqual(await check.violations(), []);
    });
  });
}
