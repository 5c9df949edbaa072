/** What deployment files tell the programs: every setting exists, has a value that is taken, and fits the others. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configSchema, parseConfig } from '../../edge/config.ts';
import { EDGE_METRICS } from '../../edge/metrics.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import { parseWorkerConfig, workerConfigSchema } from '../../worker/config.ts';
import { WORKER_METRICS } from '../../worker/metrics.ts';
import {
  compose,
  type KubernetesObject,
  kubernetesObjects,
  terraform,
} from '../support/manifests.ts';

type Settings = Record<string, string>;
interface Program {
  readonly where: string;
  readonly of: 'edge' | 'worker';
  readonly settings: Settings;
  /** Seconds between TERM and KILL. */
  readonly grace: number;
}

/** Stand for what secrets hold. */
const SECRETS = {
  FOURM_WORKER_SECRET: 'sixteen-characters-at-least',
  S3_ACCESS_KEY_ID: 'id',
  S3_SECRET_ACCESS_KEY: 'key',
  SQS_ACCESS_KEY_ID: 'id',
  SQS_SECRET_ACCESS_KEY: 'key',
};

const objects = [...kubernetesObjects('kubernetes/base'), ...kubernetesObjects('knative')].map(
  ({ object }) => object,
);
/** The pod that an object makes. */
const podOf = ({ spec }: KubernetesObject) =>
  (spec?.jobTemplate?.spec.template ?? spec?.template)?.spec;
const named = (kind: string, name: string): KubernetesObject => {
  const found = objects.find((one) => one.kind === kind && one.metadata?.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found;
};

function podSettings(pod: KubernetesObject): Settings {
  const [container] = pod.containers;
  const settings: Settings = {};
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef) Object.assign(settings, named('ConfigMap', configMapRef.name).data);
    if (secretRef) Object.assign(settings, SECRETS);
  }
  for (const { name, value } of container.env ?? [])
    settings[name] = value ?? SECRETS[name as keyof typeof SECRETS];
  return settings;
}

const seconds = (text = '10s'): number => Number(/^(\d+)s$/.exec(text)?.[1]);

/** What the images set themselves. */
const OF_IMAGE: Record<Program['of'], Settings> = {
  edge: { HOST: '0.0.0.0' },
  worker: { FOURM_MODELS_DIR: '/models' },
};

function programs(): Program[] {
  const pods = objects.filter(podOf).map((object): Program => {
    const pod = podOf(object);
    const of = pod.containers[0].image.includes('worker') ? 'worker' : 'edge';
    // Cloud Run's bound is its own.
    const grace = pod.terminationGracePeriodSeconds ?? 10;
    const settings = { ...OF_IMAGE[of], ...podSettings(pod) };
    return { where: `${object.kind} ${object.metadata?.name}`, of, settings, grace };
  });
  const file = compose('compose.yaml');
  const services = (['edge', 'worker'] as const).map((of): Program => {
    const service = file.services[of];
    assert.ok(service, of);
    // `${NAME:-default}` and `${NAME:?why}` are Compose's own.
    const given = Object.entries(service.environment ?? {}).map(([name, value]) => {
      const [, fallback] = /^\$\{\w+:-(.*)\}$/.exec(value) ?? [];
      return [name, fallback ?? (value.startsWith('${') ? SECRETS.FOURM_WORKER_SECRET : value)];
    });
    const settings = { ...OF_IMAGE[of], ...Object.fromEntries(given) };
    return { where: `compose ${of}`, of, settings, grace: seconds(service.stop_grace_period) };
  });
  return [...pods, ...services];
}

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

/** Operations that are allowed by another name than their own. */
const S3_ACTIONS: Record<string, string> = { ListObjectsV2: 'ListBucket' };

const textOf = (file: string): string => readFileSync(join(repositoryRoot, file), 'utf8');

/** Operations of the AWS SDK that a file calls, as actions of a policy. */
const actionsOf = (file: string, service: 's3' | 'sqs'): string[] => [
  ...new Set(
    [...textOf(file).matchAll(/new (\w+)Command\(/g)].map(
      ([, name = '']) => `${service}:${S3_ACTIONS[name] ?? name}`,
    ),
  ),
];

test('keys are allowed what the code does with store and queues, and no more', async () => {
  const { data } = await terraform('access.tf');
  const documents = data?.aws_iam_policy_document ?? {};
  const allowed = (name: string): string[] =>
    documents[name]?.[0].statement.flatMap(({ actions }) => actions).sort() ?? [];
  assert.deepEqual(allowed('store'), actionsOf('shared/store/s3.ts', 's3').sort());
  assert.deepEqual(allowed('work'), actionsOf('shared/queue/sqs.ts', 'sqs').sort());
  const sent = [...textOf('edge/jobs/sqs.ts').matchAll(/AmazonSQS\.(\w+)/g)].map(
    ([, name]) => `sqs:${name}`,
  );
  assert.deepEqual(allowed('send'), sent);
  assert.deepEqual(allowed('measure'), ['sqs:GetQueueAttributes']);
  for (const document of Object.values(documents))
    for (const { resources } of document[0].statement)
      assert.ok(!JSON.stringify(resources).includes('"*"'), 'no policy is for everything');
});

test('Terraform makes the queues that the command makes, and KEDA looks at them', async () => {
  const { resource, locals } = await terraform('queues.tf');
  const [work] = resource?.aws_sqs_queue?.work ?? [];
  const command = textOf('infra/createQueues.ts');
  const [, most] = /MOST_DELIVERIES = (\d+)/.exec(command) ?? [];
  assert.match(work?.redrive_policy ?? '', new RegExp(`maxReceiveCount = ${most}\\b`));
  const [, visibility] = /VisibilityTimeout: '(\d+)'/.exec(command) ?? [];
  assert.equal(work?.visibility_timeout_seconds, Number(visibility));
  const [{ queues } = {}] = locals ?? [];
  for (const name of ['interactive', 'batch', 'webhooks']) {
    assert.ok(command.includes(`queue('${name}')`));
    assert.ok(String(queues).includes(`"${name}"`), name);
  }
  const settings = {
    ...named('ConfigMap', 'fourm').data,
    ...named('ConfigMap', 'fourm-worker').data,
  };
  for (const { name, metadata } of named('ScaledObject', 'fourm-jobs').spec.triggers) {
    assert.equal(metadata.queueURL, settings[`SQS_QUEUE_URL_${name.toUpperCase()}`]);
    assert.equal(metadata.awsRegion, settings.SQS_REGION);
  }
});

test("Terraform's expressions name what is declared", async () => {
  const files = ['main.tf', 'bucket.tf', 'queues.tf', 'access.tf', 'outputs.tf'];
  const parts = await Promise.all(files.map(terraform));
  const declared = new Set(
    parts.flatMap((part) => [
      ...Object.keys(part.variable ?? {}).map((name) => `var.${name}`),
      ...(part.locals ?? []).flatMap((one) => Object.keys(one).map((name) => `local.${name}`)),
      ...Object.entries(part.resource ?? {}).flatMap(([type, ones]) =>
        Object.keys(ones).map((name) => `${type}.${name}`),
      ),
      ...Object.entries(part.data ?? {}).flatMap(([type, ones]) =>
        Object.keys(ones).map((name) => `data.${type}.${name}`),
      ),
    ]),
  );
  const text = JSON.stringify(parts);
  const used = text.match(/\b(?:var|local|data\.aws_\w+|aws_\w+)\.[a-z_]+/g) ?? [];
  assert.ok(used.length > 20);
  // `data.aws_x.y` holds `aws_x.y` as well.
  for (const name of used)
    assert.ok(declared.has(name) || declared.has(`data.${name}`), `${name} is declared`);
});
