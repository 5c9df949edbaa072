/** One fleet under one rate of requests: from a first worker, or from none, until it has settled, and then measured. */
import { createRandom } from '../../../infra/demo/scene/random.ts';
import { createAutoscaler, type ScalingSettings, SYNC_SECONDS } from './autoscaler.ts';
import { createClock } from './clock.ts';
import { type DeviceTimes, JOB_OVERHEAD_SECONDS } from './measured.ts';
import { createPool } from './pool.ts';
import type { Kind } from './requests.ts';
import { createWorker, type RunTime } from './worker.ts';

export interface FleetSettings {
  readonly times: DeviceTimes;
  readonly path: 'jobs' | 'direct';
  /** Requests a second, of the whole fleet. */
  readonly rate: number;
  /** Share of requests that want a caption; the others want a depth picture. */
  readonly captions: number;
  readonly scaling: ScalingSettings;
  /** Workers that are there at the beginning. */
  readonly initial: number;
  /**
   * Workers of the fleet for which one simulated worker stands. Workers share nothing but the queue, so that a part
   * of the fleet with its part of the requests is as busy as the whole; the autoscaler sees the whole.
   */
  readonly grain: number;
  readonly settleSeconds: number;
  readonly measureSeconds: number;
  readonly seed: number;
  /** FOURM_SLOTS, FOURM_JOB_SLOTS and FOURM_QUEUE_TOKENS of the workers. */
  readonly slots: number;
  readonly jobSlots: number;
  readonly queueTokens: number;
  readonly edges?: number;
  /** Measured times when left out. */
  readonly runTime?: RunTime;
  readonly overheadSeconds?: number;
  readonly isFixed?: boolean;
}

export interface FleetResult {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly mean: number;
  readonly refused: number;
  /** Seconds from the beginning until the first answer. */
  readonly firstAnswer: number;
  /** Longest that an answer took while the fleet grew. */
  readonly worstWhileGrowing: number;
  readonly meanWorkers: number;
  readonly mostWorkers: number;
  /** Share of the time in which a worker ran a graph. */
  readonly utilisation: number;
  readonly mostInFlight: number;
  readonly workerSecondsARequest: number;
  readonly answeredASecond: number;
}

const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;

export function simulate(settings: FleetSettings): FleetResult {
  const { times, path, captions, scaling, grain, slots, queueTokens } = settings;
  const clock = createClock();
  const random = createRandom(settings.seed);
  const edges = settings.edges ?? 4;
  const overhead = path === 'jobs' ? (settings.overheadSeconds ?? JOB_OVERHEAD_SECONDS) : 0;
  const { runTime } = settings;
  const pool = createPool(clock, {
    createWorker: () =>
      createWorker(clock, { times, slots, queueTokens, ...(runTime && { runTime }) }),
    jobSlots: settings.jobSlots,
    coldStart: times.coldStart,
    edges,
  });
  const autoscaler = createAutoscaler(scaling, settings.initial);
  const { settleSeconds, measureSeconds } = settings;
  const end = settleSeconds + measureSeconds;
  const latencies: number[] = [];
  let [asked, refused, first, worst] = [0, 0, Number.NaN, 0];
  let [workerSeconds, mostWorkers, mostInFlight, since, busyBefore, answered] = [0, 0, 0, 0, 0, 0];

  /** From its first worker on a fleet has a simulated one, though that stands for several. */
  function resize(): void {
    const replicas = autoscaler.replicas();
    pool.resize(replicas === 0 ? 0 : Math.max(1, Math.round(replicas / grain)));
  }
  const isMeasured = (): boolean => clock.now() >= settleSeconds;
  const note = (): void => {
    const now = clock.now();
    if (isMeasured()) workerSeconds += pool.paid() * grain * (now - Math.max(since, settleSeconds));
    since = now;
    mostWorkers = Math.max(mostWorkers, pool.paid() * grain);
    mostInFlight = Math.max(mostInFlight, pool.inFlight() * grain);
  };

  function arrive(): void {
    const arrived = clock.now();
    const kind: Kind = random.uniform(0, 1) < captions ? 'caption' : 'depth';
    const counts = arrived >= settleSeconds;
    const done = (): void => {
      const seconds = clock.now() - arrived + overhead;
      if (Number.isNaN(first)) first = clock.now() + overhead;
      if (isMeasured()) answered++;
      if (counts) latencies.push(seconds);
      else worst = Math.max(worst, seconds);
    };
    if (counts) asked++;
    if (path === 'jobs') pool.enqueue(kind, done);
    else if (!pool.dispatch(kind, random.integer(edges), done) && counts) refused++;
    clock.after((-Math.log(1 - random.uniform(0, 1)) * grain) / settings.rate, arrive);
  }

  const metrics = (): number[] => [pool.inFlight() * grain];
  const repeat = (seconds: number, action: () => void): void => {
    const again = (): void => {
      note();
      action();
      resize();
      clock.after(seconds, again);
    };
    clock.after(seconds, again);
  };
  resize();
  if (!settings.isFixed) {
    repeat(scaling.pollingInterval, () => autoscaler.poll(clock.now(), metrics()));
    repeat(SYNC_SECONDS, () => autoscaler.sync(clock.now(), metrics()));
  }
  clock.after(0, arrive);
  clock.run(settleSeconds);
  note();
  busyBefore = pool.busySeconds();
  clock.run(end);
  note();
  const busy = pool.busySeconds() - busyBefore;
  const sorted = Float64Array.from(latencies).sort();
  return {
    requests: asked,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    mean: latencies.reduce((sum, one) => sum + one, 0) / latencies.length,
    refused: asked === 0 ? 0 : refused / asked,
    firstAnswer: first,
    worstWhileGrowing: worst,
    meanWorkers: workerSeconds / measureSeconds,
    mostWorkers,
    utilisation: (busy * grain) / workerSeconds,
    mostInFlight,
    workerSecondsARequest: workerSeconds / (answered * grain),
    answeredASecond: (answered * grain) / measureSeconds,
  };
}
