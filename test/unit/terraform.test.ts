/** Terraform's files against the code that uses what they make: what is allowed, queues, and names. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../infra/paths.ts';
import { named } from '../support/deployed.ts';
import { terraform, terraformFiles } from '../support/manifests.ts';

/** Operations that are allowed by other names than their own. */
const ACTIONS: Record<string, readonly string[]> = {
  ListObjectsV2: ['ListBucket'],
  HeadObject: ['GetObject'],
  CopyObject: ['GetObject', 'PutObject'],
};

const textOf = (file: string): string => readFileSync(join(repositoryRoot, file), 'utf8');

/** Operations of the AWS SDK that a file calls, as actions of a policy. */
const actionsOf = (files: readonly string[], service: 's3' | 'sqs'): string[] => {
  const called = files.flatMap((file) => [...textOf(file).matchAll(/new (\w+)Command\(/g)]);
  const actions = called.flatMap(([, name = '']) => ACTIONS[name] ?? [name]);
  return [...new Set(actions)].map((action) => `${service}:${action}`).sort();
};

/** What nobody can make again. */
const KEPT = [
  ...['heads', 'models', 'model-parts', 'collections', 'webhook-secrets', 'state'],
  ...['keys', 'tenants', 'credit', 'credit-grants'],
];

/** Of LanceDB, whose code is not ours. */
const OF_COLLECTIONS = 's3:AbortMultipartUpload';

test('keys are allowed what the code does with store and queues, and no more', async () => {
  const { data } = await terraform('access.tf');
  const documents = data?.aws_iam_policy_document ?? {};
  const allowed = (name: string): string[] =>
    documents[name]?.[0].statement.flatMap(({ actions }) => actions).sort() ?? [];
  const store = actionsOf(['shared/store/s3.ts', 'shared/store/s3Blobs.ts'], 's3');
  assert.deepEqual(allowed('store'), [OF_COLLECTIONS, ...store].sort());
  assert.deepEqual(allowed('work'), actionsOf(['shared/queue/sqs.ts'], 'sqs'));
  const sent = [...textOf('edge/jobs/sqs.ts').matchAll(/AmazonSQS\.(\w+)/g)].map(
    ([, name]) => `sqs:${name}`,
  );
  assert.deepEqual(allowed('send'), sent);
  assert.deepEqual(allowed('measure'), ['sqs:GetQueueAttributes']);
  for (const document of Object.values(documents))
    for (const { resources } of document[0].statement)
      assert.ok(!JSON.stringify(resources).includes('"*"'), 'no policy is for everything');
});

test('what expires is what the store holds, and never what cannot be made again', async () => {
  const { resource } = await terraform('bucket.tf');
  const [rules] = resource?.aws_s3_bucket_lifecycle_configuration?.store ?? [];
  const expiring = Object.keys(Object(rules?.dynamic?.rule[0].for_each));
  const held = [...textOf('ARCHITECTURE.md').matchAll(/^\| `([a-z-]+)\/|, `([a-z-]+)\//gm)].map(
    ([, first, second]) => first ?? second,
  );
  for (const name of expiring) assert.ok(held.includes(name), `${name}/ is a key of the store`);
  for (const name of KEPT) assert.ok(!expiring.includes(name), name);
});

test('the bucket is public to nobody, and what it holds is encrypted', async () => {
  const { resource } = await terraform('bucket.tf');
  const bucket = `${'$'}{aws_s3_bucket.store.id}`;
  assert.deepEqual(resource?.aws_s3_bucket_public_access_block?.store, [
    {
      bucket,
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    },
  ]);
  const [encryption] = resource?.aws_s3_bucket_server_side_encryption_configuration?.store ?? [];
  assert.equal(encryption?.bucket, bucket);
  const [rule] = encryption?.rule ?? [];
  const [by] = rule?.apply_server_side_encryption_by_default ?? [];
  assert.equal(by?.sse_algorithm, 'AES256');
});

test('keys of users are made outside of Terraform, whose state would hold them', async () => {
  const parts = await Promise.all(terraformFiles().map(terraform));
  const made = parts.flatMap((part) => Object.keys(part.resource ?? {}));
  assert.ok(made.includes('aws_iam_user'));
  for (const type of made)
    assert.doesNotMatch(type, /access_key|login_profile|secretsmanager|ssm_parameter|random_/);
});

test('pages may do with signed addresses what the edge signs them for', async () => {
  const { resource } = await terraform('bucket.tf');
  const [{ cors_rule: rules } = {}] = resource?.aws_s3_bucket_cors_configuration?.store ?? [];
  const [rule] = rules ?? [];
  const signed = [...textOf('edge/uploads/addresses.ts').matchAll(/method: '(\w+)'/g)];
  assert.ok(signed.length >= 2);
  for (const [, method] of signed)
    assert.ok(method && rule?.allowed_methods.includes(method), method);
  const [, headers] =
    /const headers = \{ '([\w-]+)':/.exec(textOf('edge/uploads/addresses.ts')) ?? [];
  assert.deepEqual(rule?.allowed_headers, [headers]);
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
