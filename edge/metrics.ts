/** What an edge counts. A Node process tells it at `/metrics` as Prometheus reads it; `docs/operations.md` lists it. */
import { type Metrics, type MetricTable, noMetrics, SECONDS } from '../shared/metrics/metrics.ts';

export const EDGE_METRICS = {
  requests: {
    kind: 'counter',
    name: 'fourm_edge_requests_total',
    help: 'Requests that were answered, by route of the API and HTTP status; `none` is the route of what has no address.',
    labels: ['route', 'status'],
  },
  requestSeconds: {
    kind: 'histogram',
    name: 'fourm_edge_request_seconds',
    help: 'Time from a request to its answer, of event streams to their end.',
    labels: ['route'],
    buckets: SECONDS,
  },
  requestsHere: {
    kind: 'gauge',
    name: 'fourm_edge_requests_in_flight',
    help: 'Requests that have come and are not answered yet, event streams that go on among them.',
    labels: [],
  },
  cache: {
    kind: 'counter',
    name: 'fourm_edge_cache_total',
    help: 'Answers of tasks whose results are kept, as `Cache-Status` says: `hit` from the store, `collapsed` of equal work under way, `miss` computed, `request` computed since the caller wanted nothing stored.',
    labels: ['route', 'outcome'],
  },
  passesSaved: {
    kind: 'counter',
    name: 'fourm_edge_passes_saved_total',
    help: 'Encoder and decoder passes of answers that no worker had to run, by their `usage`: `stored` results, and equal work under way (`collapsed`).',
    labels: ['route', 'reason'],
  },
  dispatches: {
    kind: 'counter',
    name: 'fourm_edge_dispatches_total',
    help: 'Requests to workers for work, by kind: `ok`, `failed` with an answer that says why, `busy` where a worker had no room and the next was asked, `unreachable`, `late` after FOURM_WORKER_TIMEOUT_SECONDS, `gone` where the caller left.',
    labels: ['kind', 'outcome'],
  },
  dispatchSeconds: {
    kind: 'histogram',
    name: 'fourm_edge_dispatch_seconds',
    help: 'Time of a request to a worker, to the end of its answer.',
    labels: ['kind'],
    buckets: SECONDS,
  },
  jobs: {
    kind: 'counter',
    name: 'fourm_edge_jobs_total',
    help: 'Jobs that were asked for here, by whether their result was there already.',
    labels: ['task', 'result'],
  },
  charges: {
    kind: 'counter',
    name: 'fourm_edge_charges_total',
    help: 'Charges that were made here, by route: `computed` work, and results that were stored or made for others (`cached`).',
    labels: ['task', 'kind'],
  },
  charged: {
    kind: 'counter',
    name: 'fourm_edge_charged_total',
    help: 'What they amount to, in millionths of the currency; of jobs that fail it comes back.',
    labels: ['task'],
  },
  chargesLost: {
    kind: 'counter',
    name: 'fourm_edge_charges_lost_total',
    help: 'Millionths of the currency of answers that could not be charged any more, since their lease had ended and there was no credit for another.',
    labels: [],
  },
  leases: {
    kind: 'counter',
    name: 'fourm_edge_credit_leases_total',
    help: 'Blocks of credit that were asked for, by whether they were `leased` or `refused`.',
    labels: ['outcome'],
  },
} as const satisfies MetricTable;

export type EdgeMetrics = Metrics<typeof EDGE_METRICS>;

/** Where nobody can look: an isolate of Workers is one of many, which come and go. */
export const UNWATCHED: EdgeMetrics = noMetrics();
