/**
 * What may stand in files for which no package has types: Compose, Knative and Cloud Run, KEDA's triggers, kustomize
 * and the resources of AWS that Terraform makes. They hold what is used here, by the documents that each one names, so
 * that an unknown key or a misspelt one does not compile.
 */
import type { IPodSpec } from 'kubernetes-models/v1';

type Text = Readonly<Record<string, string>>;

/** https://github.com/compose-spec/compose-spec/blob/main/spec.md */
interface ComposeService {
  build?: { context: string; dockerfile: string; args?: Text };
  image: string;
  environment?: Text;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  tmpfs?: string[];
  restart?: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  stop_grace_period?: string;
  depends_on?: Record<string, { condition: 'service_started' | 'service_healthy' }>;
  ports?: string[];
  volumes?: string[];
  deploy?: {
    resources: {
      reservations: { devices: { driver: string; count: number; capabilities: string[] }[] };
    };
  };
}
export interface Compose {
  name?: string;
  services: Record<string, ComposeService>;
  volumes?: Record<string, null>;
  'x-confined'?: Partial<ComposeService>;
}

/** Annotations that Knative Serving and Cloud Run know: https://cloud.google.com/run/docs/reference/yaml/v1 */
interface RevisionAnnotations {
  'autoscaling.knative.dev/minScale'?: string;
  'autoscaling.knative.dev/maxScale'?: string;
  'run.googleapis.com/cpu-throttling'?: 'true' | 'false';
  'run.googleapis.com/startup-cpu-boost'?: 'true' | 'false';
  'run.googleapis.com/execution-environment'?: 'gen1' | 'gen2';
  'run.googleapis.com/gpu-zonal-redundancy-disabled'?: 'true' | 'false';
}
/** RevisionSpec: parts of a PodSpec, and two of its own: https://knative.dev/docs/serving/reference/serving-api/ */
type RevisionSpec = Pick<
  IPodSpec,
  'containers' | 'volumes' | 'nodeSelector' | 'serviceAccountName'
> & { containerConcurrency?: number; timeoutSeconds?: number };
export interface KnativeService {
  apiVersion: 'serving.knative.dev/v1';
  kind: 'Service';
  metadata: {
    name: string;
    annotations?: {
      'run.googleapis.com/ingress'?: 'all' | 'internal' | 'internal-and-cloud-load-balancing';
    };
  };
  spec: { template: { metadata?: { annotations?: RevisionAnnotations }; spec: RevisionSpec } };
}

/** https://keda.sh/docs/latest/scalers/aws-sqs/ and https://keda.sh/docs/latest/scalers/prometheus/ */
export type Trigger =
  | {
      type: 'aws-sqs-queue';
      name?: string;
      metadata: {
        queueURL: string;
        awsRegion: string;
        awsEndpoint?: string;
        queueLength?: string;
        activationQueueLength?: string;
        scaleOnInFlight?: 'true' | 'false';
        scaleOnDelayed?: 'true' | 'false';
      };
      authenticationRef?: { name: string; kind?: string };
    }
  | {
      type: 'prometheus';
      name?: string;
      metadata: {
        serverAddress: string;
        query: string;
        threshold: string;
        activationThreshold?: string;
        ignoreNullValues?: 'true' | 'false';
      };
      authenticationRef?: { name: string; kind?: string };
    };

/** https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/ */
export interface Kustomization {
  apiVersion: 'kustomize.config.k8s.io/v1beta1';
  kind: 'Kustomization';
  namespace?: string;
  resources: string[];
  labels?: { pairs: Text; includeSelectors?: boolean }[];
  images?: { name: string; newName?: string; newTag?: string }[];
  patches?: { path: string }[];
}

type Named<T> = Record<string, [T]>;
interface User {
  name: string;
  for_each?: string;
}
/** Arguments: https://registry.terraform.io/providers/hashicorp/aws/latest/docs, as hcl2json writes them. */
export interface Terraform {
  terraform?: [{ required_version: string; required_providers: [Record<string, object>] }];
  provider?: { aws: [{ region: string }] };
  variable?: Record<
    string,
    [
      {
        type: string;
        default?: string | number | string[];
        description?: string;
        sensitive?: boolean;
      },
    ]
  >;
  locals?: [Record<string, unknown>];
  output?: Record<string, [{ value: string; description?: string; sensitive?: boolean }]>;
  data?: {
    aws_iam_policy_document: Named<{
      statement: { actions: string[]; resources: string | string[]; effect?: 'Allow' | 'Deny' }[];
    }>;
  };
  resource?: {
    aws_s3_bucket?: Named<{ bucket: string; force_destroy?: boolean }>;
    aws_s3_bucket_public_access_block?: Named<{
      bucket: string;
      block_public_acls: boolean;
      block_public_policy: boolean;
      ignore_public_acls: boolean;
      restrict_public_buckets: boolean;
    }>;
    aws_s3_bucket_server_side_encryption_configuration?: Named<{
      bucket: string;
      rule: [
        { apply_server_side_encryption_by_default: [{ sse_algorithm: 'AES256' | 'aws:kms' }] },
      ];
    }>;
    aws_s3_bucket_cors_configuration?: Named<{
      bucket: string;
      cors_rule: [
        {
          allowed_methods: string[];
          allowed_origins: string | string[];
          allowed_headers: string[];
          expose_headers: string[];
          max_age_seconds: number;
        },
      ];
    }>;
    aws_s3_bucket_lifecycle_configuration?: Named<{
      bucket: string;
      dynamic?: {
        rule: [
          {
            for_each: string | object;
            content: [LifecycleRule];
          },
        ];
      };
      rule?: LifecycleRule[];
    }>;
    aws_sqs_queue?: Named<{
      for_each?: string;
      name: string;
      visibility_timeout_seconds?: number;
      message_retention_seconds?: number;
      receive_wait_time_seconds?: number;
      sqs_managed_sse_enabled?: boolean;
      redrive_policy?: string;
    }>;
    aws_iam_user?: Named<User>;
    aws_iam_user_policy?: Named<{ name: string; user: string; policy: string }>;
  };
}
interface LifecycleRule {
  id: string;
  status: 'Enabled' | 'Disabled';
  filter: [{ prefix: string }];
  expiration?: [{ days: number | string }];
  abort_incomplete_multipart_upload?: [{ days_after_initiation: number }];
}
