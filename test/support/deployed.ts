/** Programs that deployment files start, with the settings and the time that each is given. */
import assert from 'node:assert/strict';
import { compose, type KubernetesObject, kubernetesObjects } from './manifests.ts';

export type Settings = Record<string, string>;
export interface Program {
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
  FOURM_SECRETS_KEY: Buffer.alloc(32).toString('base64'),
};

export const objects = [
  ...kubernetesObjects('kubernetes/base'),
  ...kubernetesObjects('knative'),
].map(({ object }) => object);
/** The pod that an object makes. */
export const podOf = ({ spec }: KubernetesObject) =>
  (spec?.jobTemplate?.spec.template ?? spec?.template)?.spec;
/** @throws AssertionError when there is none */
export const named = (kind: string, name: string): KubernetesObject => {
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
  edge: { HOST: '0.0.0.0', FOURM_AUTH: 'keys' },
  worker: { FOURM_MODELS_DIR: '/models' },
};

/** Every program that a file starts, with all that it is told. */
export function programs(): Program[] {
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
