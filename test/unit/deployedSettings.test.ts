/** What deployment files tell the programs: every setting exists, has a value that is taken, and fits the others. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configSchema, parseConfig, SECRETS } from '../../edge/config.ts';
import { EDGE_METRICS } from '../../edge/metrics.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import { parseWorkerConfig, workerConfigSchema } from '../../worker/config.ts';
import { WORKER_METRICS } from '../../worker/metrics.ts';
import { named, objects, podOf, programs } from '../support/deployed.ts';

const all = programs();
const KNOWN = {
  edge: Object.keys(configSchema.shape),
  worker: Object.keys(workerConfigSchema.shape),
};

test('programs were found', () => {
  assert.deepEqual(
    all.map(({ where }) => where),
    [
      'Deployment fourm-edge',
      'Deployment fourm-jobs',
      'CronJob fourm-sweep',
      'StatefulSet fourm-worker',
      'Service fourm-worker',
      'compose edge',
      'compose worker',
    ],
  );
});

test('every setting is one that its program knows', () => {
  for (const { where, of, settings } of all)
    for (const name of Object.keys(settings))
      assert.ok(KNOWN[of].includes(name), `${where}: ${name} is no setting of the ${of}`);
});

test('each program takes the settings as they are', () => {
  for (const { where, of, settings } of all)
    assert.doesNotThrow(
      () => (of === 'edge' ? parseConfig(settings) : parseWorkerConfig(settings)),
      where,
    );
});

test('images set only what there is', () => {
  for (const of of ['edge', 'worker'] as const) {
    const file = readFileSync(join(repositoryRoot, `infra/${of}.Dockerfile`), 'utf8');
    const set = file.match(/\b(FOURM_\w+|HOST|PORT)=/g)?.map((text) => text.slice(0, -1)) ?? [];
    assert.ok(set.length > 1);
    for (const name of set) assert.ok(KNOWN[of].includes(name), `${of}: ${name}`);
  }
});

test('both images have all that the build reads, which is the same build', () => {
  const [edge, worker] = ['edge', 'worker'].map((of) => {
    const file = readFileSync(join(repositoryRoot, `infra/${of}.Dockerfile`), 'utf8');
    const stage = file.slice(file.indexOf(' AS build'), file.indexOf('npm run build'));
    return stage.match(/^COPY .*$/gm);
  });
  assert.ok(edge && edge.length > 5);
  assert.deepEqual(worker, edge);
});

/** What an ending worker takes beyond its drain at most, before it ends itself: `worker/main.ts`. */
const BEYOND_DRAIN = 30;

test('whoever is told to end has the time for it', () => {
  for (const { where, of, settings, grace } of all) {
    if (of === 'edge' || /^(Service|CronJob)/.test(where)) continue;
    const drain = parseWorkerConfig(settings).drainSeconds;
    assert.ok(grace >= drain + BEYOND_DRAIN, `${where}: ${grace} s for a drain of ${drain} s`);
  }
  const edge = named('Deployment', 'fourm-edge').spec.template.spec;
  const pause = edge.containers[0].lifecycle.preStop.sleep.seconds;
  assert.ok(edge.terminationGracePeriodSeconds >= pause + 15, 'the edge drains for 15 s');
  // Google takes a spot machine away 30 s after it says so, and Cloud Run an instance after 10.
  const of = (where: string) =>
    Number(all.find((one) => one.where === where)?.settings.FOURM_DRAIN_SECONDS);
  assert.ok(of('Deployment fourm-jobs') <= 25);
  assert.ok(of('Service fourm-worker') < 10);
});

test('the edge knows as many workers as there can be', () => {
  const { settings } = all.find(({ where }) => where === 'Deployment fourm-edge') ?? {};
  const workers = parseConfig(settings ?? {}).FOURM_WORKERS;
  const { spec } = named('ScaledObject', 'fourm-worker');
  assert.deepEqual(
    workers,
    Array.from(
      { length: spec.maxReplicaCount },
      (_, i) =>
        `http://fourm-worker-${i}.${named('StatefulSet', 'fourm-worker').spec.serviceName}:8788`,
    ),
  );
});

test('KEDA scales what there is, a worker for as many jobs as it takes at once', () => {
  for (const { kind, spec } of objects) {
    if (kind !== 'ScaledObject') continue;
    named(spec.scaleTargetRef.kind ?? 'Deployment', spec.scaleTargetRef.name);
    for (const { authenticationRef } of spec.triggers)
      if (authenticationRef) named('TriggerAuthentication', authenticationRef.name);
  }
  const jobs = all.find(({ where }) => where === 'Deployment fourm-jobs');
  const slots = parseWorkerConfig(jobs?.settings ?? {}).jobSlots;
  for (const { name, metadata } of named('ScaledObject', 'fourm-jobs').spec.triggers)
    if (name !== 'webhooks') assert.equal(metadata.queueLength, String(slots));
});

test('queries of KEDA ask for metrics that workers tell, and both are where Prometheus looks', () => {
  const known: string[] = [...Object.values(WORKER_METRICS), ...Object.values(EDGE_METRICS)].map(
    ({ name }) => name,
  );
  const queries = objects
    .filter(({ kind }) => kind === 'ScaledObject')
    .flatMap(({ spec }) => spec.triggers)
    .flatMap(({ metadata }) => (metadata.query === undefined ? [] : [String(metadata.query)]));
  assert.equal(queries.length, 1);
  for (const query of queries) {
    const names = query.match(/\bfourm_\w+/g) ?? [];
    assert.ok(names.length > 0, query);
    for (const name of names) assert.ok(known.includes(name), `${name} is no metric`);
  }
  for (const { where, of, settings } of all.filter(({ where }) =>
    /^(Deployment|Stateful)/.test(where),
  )) {
    const [kind = '', name = ''] = where.split(' ');
    const { metadata } = named(kind, name).spec.template;
    const place =
      of === 'edge' ? parseConfig(settings).FOURM_METRICS : parseWorkerConfig(settings).metrics;
    const port = place.at === 'address' ? place.port : settings.FOURM_WORKER_PORT;
    assert.notEqual(place.at, 'off', where);
    assert.equal(metadata.annotations['prometheus.io/port'], String(port), where);
  }
});

test('workers let in the edge and those who read metrics, at one port, and nobody else', () => {
  const { spec } = named('NetworkPolicy', 'fourm-worker');
  const pods = (name: string): string =>
    named(name === 'fourm-worker' ? 'StatefulSet' : 'Deployment', name).spec.template.metadata
      .labels['app.kubernetes.io/name'];
  assert.deepEqual(spec, {
    podSelector: {
      matchExpressions: [
        {
          key: 'app.kubernetes.io/name',
          operator: 'In',
          values: [pods('fourm-worker'), pods('fourm-jobs')],
        },
      ],
    },
    policyTypes: ['Ingress'],
    ingress: [
      {
        from: [
          { podSelector: { matchLabels: { 'app.kubernetes.io/name': pods('fourm-edge') } } },
          { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
        ],
        ports: [{ port: 8788 }],
      },
    ],
  });
});

test('no file of a deployment holds a secret: they come from what the operator has made', () => {
  assert.deepEqual(
    objects.filter(({ kind }) => kind === 'Secret'),
    [],
  );
  const folders = ['kubernetes/base', 'kubernetes/gpu', 'knative', 'terraform', '.'];
  const texts = folders.flatMap((folder) => {
    const whole = join(repositoryRoot, 'infra', folder);
    return readdirSync(whole)
      .filter((name) => /\.(yaml|tf|Dockerfile)$/.test(name))
      .map(
        (name) =>
          [
            `${folder}/${name}`,
            readFileSync(join(whole, name), 'utf8').replaceAll(/^\s*#.*/gm, ''),
          ] as const,
      );
  });
  assert.ok(texts.length > 15);
  let named = 0;
  for (const [file, text] of texts)
    for (const name of [...SECRETS, 'HF_TOKEN', 'FOURM_USAGE_SINK_TOKEN'])
      for (const [, rest = ''] of text.matchAll(new RegExp(`\\b${name}\\b(.*)`, 'g'))) {
        named++;
        // A reference to one, or Compose's own.
        const isReference = /valueFrom: \{ secretKeyRef:|^: \$\{\w+:[?-]/.test(rest);
        assert.ok(isReference || !/^\s*[:=]\s*\S|value:/.test(rest), `${file}: ${name}${rest}`);
      }
  assert.ok(named > 5, 'the test means something');
});

test('pods are confined: no root, nothing to be written but volumes, no capabilities', () => {
  const pods = objects.filter((one) => podOf(one) && !one.apiVersion.includes('knative'));
  assert.equal(pods.length, 4);
  for (const object of pods) {
    const { spec, metadata, kind } = object;
    const pod = podOf(object);
    assert.equal(pod.securityContext.runAsNonRoot, true, metadata?.name);
    assert.equal(pod.automountServiceAccountToken, false, metadata?.name);
    for (const { securityContext } of pod.containers)
      assert.deepEqual(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    if (kind === 'CronJob') continue;
    // A budget for disruptions selects them.
    const name = spec.template.metadata.labels['app.kubernetes.io/name'];
    const budget = objects.find(
      (one) =>
        one.kind === 'PodDisruptionBudget' &&
        one.spec.selector.matchLabels['app.kubernetes.io/name'] === name,
    );
    assert.ok(budget, `a PodDisruptionBudget of ${name}`);
  }
});
