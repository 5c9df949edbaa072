/** Deployment files: each fits its schema to the last key, and names only what is there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { repositoryRoot } from '../../infra/paths.ts';
import {
  compose,
  type KubernetesObject,
  kubernetesObjects,
  terraform,
  terraformFiles,
} from '../support/manifests.ts';
import { misfits, type Typed } from '../support/typeCheck.ts';

const OWN = '../../test/support/manifestTypes.ts';
const own = (name: string, type: string, value: unknown): Typed => ({
  name,
  type,
  value,
  module: OWN,
});

/** Where the types of Kubernetes' and KEDA's objects are. */
function moduleOf({ apiVersion, kind }: KubernetesObject): Pick<Typed, 'module' | 'type'> {
  if (kind === 'Kustomization') return { module: OWN, type: 'Kustomization' };
  if (apiVersion.startsWith('serving.knative.dev/')) return { module: OWN, type: 'KnativeService' };
  const room = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models';
  return { module: `${room}/${apiVersion}`, type: `I${kind}` };
}

const typed = (name: string, object: KubernetesObject): Typed[] => [
  { name, value: object, ...moduleOf(object) },
  ...(object.kind === 'ScaledObject'
    ? object.spec.triggers.map((trigger: object, i: number) =>
        own(`${name} trigger ${i}`, 'Trigger', trigger),
      )
    : []),
];

const base = kubernetesObjects('kubernetes/base');
const all = [...base, ...kubernetesObjects('knative')];
const ofKind = (kind: string) => all.filter(({ object }) => object.kind === kind);
const first = (kind: string): KubernetesObject => {
  const [found] = ofKind(kind);
  assert.ok(found, kind);
  return structuredClone(found.object);
};

/** Files that were made wrong on purpose, each in one way. */
function wrongOnes(): Typed[] {
  const unknown = first('Deployment');
  unknown.spec.template.spec.containers[0].readinesProbe = {};
  const missing = first('ScaledObject');
  delete missing.spec.scaleTargetRef;
  const text = first('HorizontalPodAutoscaler');
  text.spec.maxReplicas = '10';
  const trigger = first('ScaledObject').spec.triggers[0];
  trigger.metadata.queueLenght = '5';
  const knative = ofKind('Service').find(({ object }) => object.apiVersion.includes('knative'));
  const annotated = structuredClone(knative?.object) as KubernetesObject;
  annotated.spec.template.spec.concurrency = 3;
  const file = structuredClone(compose('compose.yaml'));
  Object.assign(file.services.edge ?? {}, { readonly: true });
  return [
    ...typed('wrong: unknown key', unknown).slice(0, 1),
    ...typed('wrong: missing key', missing).slice(0, 1),
    ...typed('wrong: text for a number', text),
    own('wrong: unknown key of a trigger', 'Trigger', trigger),
    ...typed('wrong: unknown key of a revision', annotated),
    own('wrong: unknown key of compose', 'Compose', file),
    own('wrong: unknown argument of Terraform', 'Terraform', {
      resource: { aws_sqs_queue: { jobs: [{ name: 'x', visibility_timeout: 3 }] } },
    }),
  ];
}

let found: Map<string, string>;
let wrong: Typed[];
before(async () => {
  wrong = wrongOnes();
  const terraforms = await Promise.all(
    terraformFiles().map(async (file) => own(file, 'Terraform', await terraform(file))),
  );
  // The second file changes services of the first: it is whole with it.
  const merged = structuredClone(compose('compose.yaml'));
  const overlay = compose('compose.gpu.yaml');
  for (const [name, service] of Object.entries(overlay.services))
    Object.assign(merged.services[name] ?? {}, service);
  found = await misfits([
    ...all.flatMap(({ name, object }) => typed(name, object)),
    ...kubernetesObjects('kubernetes/gpu')
      .filter(({ object }) => object.kind === 'Kustomization')
      .flatMap(({ name, object }) => typed(name, object)),
    own('compose.yaml', 'Compose', compose('compose.yaml')),
    own('compose.gpu.yaml', 'Compose', merged),
    ...terraforms,
    ...wrong,
  ]);
});

test('every file fits its types: no unknown key, none missing, none of another type', () => {
  const misfit = [...found].filter(([name]) => !name.startsWith('wrong: '));
  assert.deepEqual(misfit, []);
});

test('a wrong file is noticed: unknown keys, missing ones, wrong types', () => {
  for (const { name } of wrong) assert.ok(found.has(name), name);
});

test('objects of Kubernetes and KEDA pass their own validation', async () => {
  for (const { name, object } of base) {
    if (object.kind === 'Kustomization') continue;
    const { module } = moduleOf(object);
    const kinds = await import(module);
    const Kind = kinds[object.kind];
    assert.doesNotThrow(() => new Kind(object).validate(), name);
  }
});

test('kustomize builds both folders offline, and the cards are where they belong', (t) => {
  const build = (folder: string): string =>
    execFileSync('kubectl', ['kustomize', join(repositoryRoot, 'infra/kubernetes', folder)], {
      encoding: 'utf8',
    });
  let plain: string;
  try {
    plain = build('base');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return t.skip('kubectl');
    throw error;
  }
  assert.ok(!plain.includes('nvidia.com/gpu'));
  const cards = build('gpu');
  assert.equal(cards.match(/nvidia\.com\/gpu: "1"/g)?.length, 2);
  assert.equal(cards.match(/name: FOURM_DEVICE\n\s+value: cuda/g)?.length, 2);
});

test('the kustomization of docs/deploy.md is built, and reaches every place that is to be changed', (t) => {
  const page = readFileSync(join(repositoryRoot, 'docs/deploy.md'), 'utf8');
  const [, text = ''] = /deploy\/kustomization\.yaml <<'YAML'\n([\s\S]*?)\nYAML\n/.exec(page) ?? [];
  assert.ok(text.includes('resources: [../infra/'));
  const folder = mkdtempSync(join(repositoryRoot, 'dist/deploy-'));
  try {
    const file = text.replace('../infra/', '../../infra/');
    writeFileSync(join(folder, 'kustomization.yaml'), file);
    const built = execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
    // What stands for a reader's own names in this repository is in no place left.
    assert.doesNotMatch(built, /example\.com|fourm-store|000000000000/);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return t.skip('kubectl');
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
});
