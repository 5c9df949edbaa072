/**
 * What a worker counts. `GET /metrics` tells it as Prometheus reads it; `docs/operations.md` lists it.
 *
 * A step is one run of a model's graph: a decoding step of predictions, a piece of sequences, or a pass of the encoder.
 */
import {
  COUNTS,
  LONG_SECONDS,
  type Metrics,
  type MetricTable,
  noMetrics,
  SECONDS,
} from '../shared/metrics/metrics.ts';

/** Kinds of steps: `predict`, `write`, `encode`, `features`. */
const STEP = ['model', 'kind'] as const;

export const WORKER_METRICS = {
  requests: {
    kind: 'counter',
    name: 'fourm_worker_requests_total',
    help: 'Requests that have ended, by kind of work and HTTP status; `gone` where the caller left before the end.',
    labels: ['kind', 'status'],
  },
  requestSeconds: {
    kind: 'histogram',
    name: 'fourm_worker_request_seconds',
    help: 'Time of a request from its arrival to its end, whatever that was.',
    labels: ['kind'],
    buckets: SECONDS,
  },
  requestsHere: {
    kind: 'gauge',
    name: 'fourm_worker_requests_in_flight',
    help: 'Requests that have a slot (`running`), and those that wait for one (`waiting`).',
    labels: ['state'],
  },
  slots: {
    kind: 'gauge',
    name: 'fourm_worker_slots',
    help: 'Requests that can be at work at the same time (FOURM_SLOTS).',
    labels: [],
  },
  queueTokens: {
    kind: 'gauge',
    name: 'fourm_worker_queue_tokens',
    help: 'Tokens of the work that was taken on and has not ended; beyond FOURM_QUEUE_TOKENS more is refused.',
    labels: [],
  },
  queueWait: {
    kind: 'histogram',
    name: 'fourm_worker_queue_wait_seconds',
    help: 'Time from the arrival of a request until it has a slot; refused ones do not count.',
    labels: ['priority'],
    buckets: SECONDS,
  },
  stepSeconds: {
    kind: 'histogram',
    name: 'fourm_worker_step_seconds',
    help: 'Time of one run of the graph of a model.',
    labels: STEP,
    buckets: SECONDS,
  },
  stepRequests: {
    kind: 'histogram',
    name: 'fourm_worker_step_requests',
    help: 'Batch size: forward requests that shared a step, whoever they belong to.',
    labels: STEP,
    buckets: COUNTS,
  },
  stepRows: {
    kind: 'histogram',
    name: 'fourm_worker_step_rows',
    help: 'Batch size: rows of a step. Each state that is encoded or predicted from is one, and each condition of a sequence.',
    labels: STEP,
    buckets: COUNTS,
  },
  stepWait: {
    kind: 'histogram',
    name: 'fourm_worker_step_wait_seconds',
    help: 'Time that a forward request waited for its step, since it came or since its last step ended: of those of a priority that shared a step, the one that waited longest.',
    labels: ['model', 'priority'],
    buckets: SECONDS,
  },
  stepTokens: {
    kind: 'counter',
    name: 'fourm_worker_step_tokens_total',
    help: 'Places of tokens that steps worked through: those that are encoded, those that are predicted, and of sequences one for each row and token of the longest.',
    labels: STEP,
  },
  stepPadding: {
    kind: 'counter',
    name: 'fourm_worker_step_padding_tokens_total',
    help: 'Padding waste: of fourm_worker_step_tokens_total, the places behind the end of a sequence that ended before others of its step. Other steps hold equal shapes alone, and pad nothing.',
    labels: STEP,
  },
  stepKeys: {
    kind: 'counter',
    name: 'fourm_worker_step_keys_total',
    help: 'Places of kept keys and values that steps of sequences were given, of all rows.',
    labels: STEP,
  },
  stepPaddingKeys: {
    kind: 'counter',
    name: 'fourm_worker_step_padding_keys_total',
    help: 'Padding waste: of fourm_worker_step_keys_total, the places behind the own keys of a row, which are hidden.',
    labels: STEP,
  },
  passes: {
    kind: 'counter',
    name: 'fourm_worker_passes_total',
    help: 'Forward passes that answered requests cost, as their `usage` says, by `encoder` and `decoder`.',
    labels: ['model', 'part'],
  },
  passesSaved: {
    kind: 'counter',
    name: 'fourm_worker_passes_saved_total',
    help: 'Passes that were not run. shared_step: forward requests of a step beyond its first, each of which alone would have had a run of its own. kept_context: states of a step that an earlier one had encoded. reused_target: encoder and decoder passes that a chain costs less by the targets that were kept of earlier requests.',
    labels: ['model', 'reason'],
  },
  generatedTokens: {
    kind: 'counter',
    name: 'fourm_worker_generated_tokens_total',
    help: 'Tokens that answered requests had generated, as their `usage` says.',
    labels: ['model'],
  },
  decodeSeconds: {
    kind: 'histogram',
    name: 'fourm_worker_decode_seconds',
    help: 'Time from the tokens of a target, of all samples of a request, to its pictures, texts or values.',
    labels: ['model', 'modality'],
    buckets: SECONDS,
  },
  loadSeconds: {
    kind: 'histogram',
    name: 'fourm_worker_model_load_seconds',
    help: 'Loads: time until a model was in memory and had proved to run.',
    labels: ['model'],
    buckets: SECONDS,
  },
  loadFailures: {
    kind: 'counter',
    name: 'fourm_worker_model_load_failures_total',
    help: 'Loads that failed.',
    labels: ['model'],
  },
  evictions: {
    kind: 'counter',
    name: 'fourm_worker_model_evictions_total',
    help: 'Models that were freed since another needed the room, or since a new version took their place.',
    labels: ['model'],
  },
  models: {
    kind: 'gauge',
    name: 'fourm_worker_models',
    help: 'Models that can be asked for, by state: `loaded`, `loading` or `available`.',
    labels: ['state'],
  },
  modelBytes: {
    kind: 'gauge',
    name: 'fourm_worker_model_bytes',
    help: 'Memory that a loaded model is counted with; FOURM_MEMORY_BUDGET bounds the sum.',
    labels: ['model'],
  },
  jobs: {
    kind: 'counter',
    name: 'fourm_worker_jobs_total',
    help: 'Changes of jobs that this worker has written, by the state that they came to; `queued` are those that it gave back.',
    labels: ['task', 'status'],
  },
  jobWait: {
    kind: 'histogram',
    name: 'fourm_worker_job_wait_seconds',
    help: 'Time from the moment that a job was asked for until a worker began it first.',
    labels: ['task', 'priority'],
    buckets: LONG_SECONDS,
  },
  openJobs: {
    kind: 'gauge',
    name: 'fourm_worker_jobs_open',
    help: 'Jobs of all tenants that have not ended, by state, as a look for lost jobs found them in the store less than 150 s ago. `unread` are those of a shared queue whose documents there was no reason to read. Several workers may tell the same: take the maximum.',
    labels: ['status'],
  },
  oldestJob: {
    kind: 'gauge',
    name: 'fourm_worker_jobs_oldest_seconds',
    help: 'Age of the oldest job that this look found open; 0 where there is none.',
    labels: [],
  },
  jobSlots: {
    kind: 'gauge',
    name: 'fourm_worker_job_slots_busy',
    help: 'Slots for jobs that are taken; FOURM_JOB_SLOTS are there of each priority.',
    labels: ['priority'],
  },
  queueMessages: {
    kind: 'gauge',
    name: 'fourm_worker_queue_messages',
    help: 'Messages of a queue: those that can be received (`waiting`), those that a worker has (`taken`), and those that can be received later (`delayed`). Of a queue that workers share, every worker tells the same, up to 30 s late: take the maximum.',
    labels: ['queue', 'state'],
  },
  webhookAttempts: {
    kind: 'counter',
    name: 'fourm_worker_webhook_attempts_total',
    help: 'Attempts to deliver a webhook, by the scheme of its address and by how they ended: `delivered`, the class of any other answer (`3xx`, `4xx`, `5xx`), `unreachable`, `forbidden` where the guard does not let it through.',
    labels: ['scheme', 'outcome'],
  },
  webhookSeconds: {
    kind: 'histogram',
    name: 'fourm_worker_webhook_attempt_seconds',
    help: 'Time of an attempt to deliver a webhook.',
    labels: ['scheme'],
    buckets: SECONDS,
  },
  usageEvents: {
    kind: 'counter',
    name: 'fourm_worker_usage_events_total',
    help: 'Charges that this worker has summed up, and told where FOURM_USAGE_SINK is set.',
    labels: [],
  },
  usageSinkFailures: {
    kind: 'counter',
    name: 'fourm_worker_usage_sink_failures_total',
    help: 'Times that the sink of usage did not take charges; they are told again.',
    labels: [],
  },
  batches: {
    kind: 'counter',
    name: 'fourm_worker_batches_total',
    help: 'Changes of batches that this worker has written, by the status that they came to.',
    labels: ['status'],
  },
  batchLines: {
    kind: 'counter',
    name: 'fourm_worker_batch_lines_total',
    help: 'Lines of batches that this worker has brought to an end: `completed` or `failed`.',
    labels: ['outcome'],
  },
} as const satisfies MetricTable;

export type WorkerMetrics = Metrics<typeof WORKER_METRICS>;

/** For whoever is not watched: checks, benches, most tests. */
export const UNWATCHED: WorkerMetrics = noMetrics();
