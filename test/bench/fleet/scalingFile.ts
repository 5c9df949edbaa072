/** What `infra/kubernetes/base/scaling.yaml` says, so that the simulation scales by the very numbers that are deployed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { repositoryRoot } from '../../../infra/paths.ts';
import { present } from '../../../shared/lookup.ts';
import { DEFAULT_DOWN, DEFAULT_UP, type ScalingSettings } from './autoscaler.ts';

const rules = z.object({
  stabilizationWindowSeconds: z.number().optional(),
  policies: z
    .array(
      z.object({
        type: z.enum(['Pods', 'Percent']),
        value: z.number(),
        periodSeconds: z.number(),
      }),
    )
    .optional(),
  selectPolicy: z.enum(['Max', 'Min', 'Disabled']).optional(),
});

const scaledObject = z.object({
  kind: z.literal('ScaledObject'),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    pollingInterval: z.number().default(30),
    cooldownPeriod: z.number().default(300),
    minReplicaCount: z.number().default(0),
    maxReplicaCount: z.number().default(100),
    advanced: z.object({
      horizontalPodAutoscalerConfig: z.object({
        behavior: z.object({ scaleUp: rules, scaleDown: rules }),
      }),
    }),
    triggers: z.array(
      z.object({
        metadata: z.object({
          queueLength: z.coerce.number().optional(),
          activationQueueLength: z.coerce.number().optional(),
          threshold: z.coerce.number().optional(),
          activationThreshold: z.coerce.number().optional(),
        }),
      }),
    ),
  }),
});

const withDefaults = (given: z.infer<typeof rules>, defaults: typeof DEFAULT_UP) => ({
  stabilizationWindowSeconds:
    given.stabilizationWindowSeconds ?? defaults.stabilizationWindowSeconds,
  policies: given.policies ?? defaults.policies,
  selectPolicy: given.selectPolicy ?? 'Max',
});

/** @throws Error when the file has no ScaledObject of this name */
export function readScaling(name: string): ScalingSettings {
  const file = join(repositoryRoot, 'infra/kubernetes/base/scaling.yaml');
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((one) => one.toJS());
  const objects = documents.flatMap((one) => {
    const parsed = scaledObject.safeParse(one);
    return parsed.success ? [parsed.data] : [];
  });
  const { spec } = present(
    objects.find(({ metadata }) => metadata.name === name),
    `the ScaledObject ${name}`,
  );
  const { scaleUp, scaleDown } = spec.advanced.horizontalPodAutoscalerConfig.behavior;
  return {
    ...spec,
    triggers: spec.triggers.map(({ metadata }) => ({
      target: present(metadata.queueLength ?? metadata.threshold, `a target of ${name}`),
      activation: metadata.activationQueueLength ?? metadata.activationThreshold ?? 0,
    })),
    scaleUp: withDefaults(scaleUp, DEFAULT_UP),
    scaleDown: withDefaults(scaleDown, DEFAULT_DOWN),
  };
}
