/** KEDA's and Kubernetes' rules, against the examples of their own documents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createAutoscaler,
  DEFAULT_DOWN,
  DEFAULT_UP,
  desiredReplicas,
  type ScalingSettings,
} from '../bench/fleet/autoscaler.ts';
import { readScaling } from '../bench/fleet/scalingFile.ts';

const settings = (more: Partial<ScalingSettings> = {}): ScalingSettings => ({
  pollingInterval: 30,
  cooldownPeriod: 300,
  minReplicaCount: 0,
  maxReplicaCount: 1000,
  triggers: [{ target: 10, activation: 0 }],
  scaleUp: DEFAULT_UP,
  scaleDown: { ...DEFAULT_DOWN, stabilizationWindowSeconds: 0 },
  ...more,
});

test("KEDA's example: a pod handles 10 messages, 30 are there, so three pods", () => {
  assert.equal(desiredReplicas(30, 10, 1), 3);
});

test("Kubernetes' example: twice the wanted value doubles, half of it halves, a tenth off changes nothing", () => {
  assert.equal(desiredReplicas(200 * 4, 100, 4), 8);
  assert.equal(desiredReplicas(50 * 4, 100, 4), 2);
  assert.equal(desiredReplicas(109 * 10, 100, 10), 10);
  assert.equal(desiredReplicas(111 * 10, 100, 10), 12);
  assert.equal(desiredReplicas(50 * 90, 75, 50), 60);
});

test("Kubernetes' example: from 80 replicas by 10 % or 4 pods a minute, the larger of the two", () => {
  const scaleDown = {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 60 },
      { type: 'Percent', value: 10, periodSeconds: 60 },
    ],
  } as const;
  const scaler = createAutoscaler(settings({ scaleDown }), 80);
  const seen = Array.from({ length: 10 }, (_, minute) => scaler.sync(60 * (minute + 1), [100]));
  // 80 - 8, then 72 - 7.2 rounded up to 8, and from 40 on four at a time.
  assert.deepEqual(seen, [72, 64, 57, 51, 45, 40, 36, 32, 28, 24]);
});

test('within a period a policy allows no more than once', () => {
  const scaler = createAutoscaler(settings(), 1);
  assert.equal(scaler.sync(15, [1000]), 5, 'four pods are more than 100 %');
  assert.equal(scaler.sync(20, [1000]), 5, 'the period is not over');
  assert.equal(scaler.sync(30, [1000]), 10, '100 % are more than four pods');
  assert.equal(scaler.sync(45, [1000]), 20);
});

test('the stabilization window takes the highest wish of the last seconds before it shrinks', () => {
  const scaler = createAutoscaler(settings({ scaleDown: DEFAULT_DOWN }), 10);
  assert.equal(scaler.sync(0, [100]), 10);
  assert.equal(scaler.sync(150, [20]), 10);
  assert.equal(scaler.sync(299, [20]), 10);
  assert.equal(scaler.sync(301, [20]), 2, 'the wish for ten is older than 300 s');
});

test('KEDA starts the first one at once, and takes the last one after the cooldown', () => {
  const scaler = createAutoscaler(settings(), 0);
  assert.equal(scaler.poll(0, [0]), 0);
  assert.equal(scaler.sync(10, [50]), 0, 'the HPA does nothing with none');
  assert.equal(scaler.poll(30, [1]), 1);
  assert.equal(scaler.sync(31, [0]), 1, 'the HPA keeps one');
  assert.equal(scaler.poll(60, [0]), 1);
  assert.equal(scaler.poll(330, [0]), 1);
  assert.equal(scaler.poll(331, [0]), 0);
});

test('an activation has to be exceeded, and several triggers are served by the one that wants most', () => {
  const triggers = [
    { target: 10, activation: 5 },
    { target: 1, activation: 5 },
  ];
  const scaler = createAutoscaler(settings({ triggers }), 0);
  assert.equal(scaler.poll(0, [5, 5]), 0);
  assert.equal(scaler.poll(30, [5, 6]), 1);
  assert.equal(scaler.sync(45, [30, 4]), 4);
});

test('the file that is deployed can be read', () => {
  const jobs = readScaling('fourm-jobs');
  assert.equal(jobs.minReplicaCount, 0);
  assert.equal(jobs.triggers.length, 3);
  assert.equal(readScaling('fourm-worker').minReplicaCount, 1);
  assert.throws(() => readScaling('nobody'), /the ScaledObject nobody/);
});
