/** The fleet's simulator against queueing theory: closed forms that know nothing of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../infra/demo/scene/random.ts';
import { DEFAULT_DOWN, DEFAULT_UP, type ScalingSettings } from '../bench/fleet/autoscaler.ts';
import { TIMES } from '../bench/fleet/measured.ts';
import { type FleetSettings, simulate } from '../bench/fleet/simulate.ts';

const UNUSED: ScalingSettings = {
  pollingInterval: 30,
  cooldownPeriod: 300,
  minReplicaCount: 1,
  maxReplicaCount: 1,
  triggers: [],
  scaleUp: DEFAULT_UP,
  scaleDown: DEFAULT_DOWN,
};

/** Seconds of a run, on average. */
const SERVICE = 0.1;

/** One request at a time on each worker, and no overhead: the queue of the textbook. */
const textbook = (servers: number, load: number): FleetSettings => ({
  times: TIMES.cpu,
  path: 'jobs',
  rate: (servers * load) / SERVICE,
  captions: 0,
  scaling: UNUSED,
  initial: servers,
  grain: 1,
  settleSeconds: 20 + 100 / servers,
  measureSeconds: 8000 / servers,
  seed: 7,
  slots: 1,
  jobSlots: 1,
  queueTokens: 1e12,
  overheadSeconds: 0,
  isFixed: true,
});

function exponential(seed: number): () => number {
  const random = createRandom(seed);
  return () => -Math.log(1 - random.uniform(0, 1)) * SERVICE * 1000;
}

/** Erlang's C: the share of requests that wait in M/M/c. */
function erlangC(servers: number, load: number): number {
  const offered = servers * load;
  let [term, sum] = [1, 0];
  for (let k = 0; k < servers; k++) {
    sum += term;
    term *= offered / (k + 1);
  }
  const last = term / (1 - load);
  return last / (sum + last);
}

/** Mean time in M/M/c. */
const meanMMc = (servers: number, load: number): number =>
  SERVICE + (erlangC(servers, load) * SERVICE) / (servers * (1 - load));

function assertNear(actual: number, expected: number, share: number, what: string): void {
  const difference = Math.abs(actual / expected - 1);
  assert.ok(difference <= share, `${what}: ${actual}, ${expected} expected (${difference})`);
}

test("Erlang's C has its known values", () => {
  assertNear(erlangC(1, 0.5), 0.5, 1e-12, 'one server waits with its load');
  assertNear(erlangC(2, 0.75), 0.6428571428571429, 1e-12, 'two servers: 2 r^2 / (1 + r)');
});

test('one worker at exponential times is M/M/1: mean, median and 99th of a hundred', () => {
  for (const load of [0.5, 0.8]) {
    const { mean, p50, p99, utilisation } = simulate({
      ...textbook(1, load),
      runTime: exponential(3),
    });
    const rate = (1 - load) / SERVICE;
    assertNear(mean, 1 / rate, 0.06, `mean at ${load}`);
    assertNear(p50, Math.LN2 / rate, 0.06, `median at ${load}`);
    assertNear(p99, Math.log(100) / rate, 0.1, `p99 at ${load}`);
    assertNear(utilisation, load, 0.02, `utilisation at ${load}`);
  }
});

test('several workers on one queue are M/M/c', () => {
  for (const [servers, load] of [
    [2, 0.75],
    [8, 0.8],
    [32, 0.9],
  ] as const) {
    const { mean } = simulate({ ...textbook(servers, load), runTime: exponential(5) });
    assertNear(mean, meanMMc(servers, load), 0.06, `${servers} servers at ${load}`);
  }
});

test('one worker at equal times is M/D/1 (Pollaczek and Khinchine), by the direct path as well', () => {
  const load = 0.7;
  const expected = SERVICE * (1 + load / (2 * (1 - load)));
  for (const path of ['jobs', 'direct'] as const) {
    const { mean, refused } = simulate({
      ...textbook(1, load),
      path,
      runTime: () => SERVICE * 1000,
    });
    assertNear(mean, expected, 0.05, path);
    assert.equal(refused, 0);
  }
});

test('a part of a fleet is as busy as the whole that it stands for', () => {
  const whole = simulate({ ...textbook(64, 0.9), runTime: exponential(11) });
  const part = simulate({ ...textbook(64, 0.9), initial: 64, grain: 2, runTime: exponential(11) });
  assertNear(part.utilisation, whole.utilisation, 0.03, 'utilisation');
  assertNear(part.answeredASecond, whole.answeredASecond, 0.03, 'answers a second');
});

test('a run is repeated to the last digit by its seed, and differs by another', () => {
  const settings = { ...textbook(2, 0.5), measureSeconds: 200 };
  const run = (seed: number) => simulate({ ...settings, seed, runTime: exponential(seed) });
  assert.deepEqual(run(1), run(1));
  assert.notEqual(run(1).mean, run(2).mean);
});
