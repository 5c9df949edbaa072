/**
 * KEDA and the HorizontalPodAutoscaler that it makes, by their own rules (autoscaling/v2, `horizontal.go` and
 * `replica_calculator.go`; KEDA's `scale_handler.go`):
 *
 *   KEDA, each pollingInterval: from none to one as soon as a metric is above its activation; from one on back to none
 *   when none was for cooldownPeriod.
 *   HPA, each 15 s, for a metric whose target is an average: desired = ceil(metric / target), unless
 *   metric / (target x replicas) is within 0.1 of 1; the largest of all metrics; then the least of the window of
 *   scaleUp and the most of that of scaleDown; then no further than the policies allow.
 */

export interface Policy {
  readonly type: 'Pods' | 'Percent';
  readonly value: number;
  readonly periodSeconds: number;
}
export interface Rules {
  readonly stabilizationWindowSeconds: number;
  readonly policies: readonly Policy[];
  readonly selectPolicy: 'Max' | 'Min' | 'Disabled';
}
export interface ScalingSettings {
  readonly pollingInterval: number;
  readonly cooldownPeriod: number;
  readonly minReplicaCount: number;
  readonly maxReplicaCount: number;
  /** For each trigger: metric per replica, and what it has to exceed for the first one. */
  readonly triggers: readonly { readonly target: number; readonly activation: number }[];
  readonly scaleUp: Rules;
  readonly scaleDown: Rules;
}

export const SYNC_SECONDS = 15;
const TOLERANCE = 0.1;

/** What Kubernetes does where a direction says nothing. */
export const DEFAULT_UP: Rules = {
  stabilizationWindowSeconds: 0,
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
  selectPolicy: 'Max',
};
export const DEFAULT_DOWN: Rules = {
  stabilizationWindowSeconds: 300,
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  selectPolicy: 'Max',
};

/** Replicas for a metric whose target is an average over them. */
export function desiredReplicas(metric: number, target: number, replicas: number): number {
  if (replicas > 0 && Math.abs(metric / (target * replicas) - 1) <= TOLERANCE) return replicas;
  return Math.ceil(metric / target);
}

interface Change {
  readonly at: number;
  readonly by: number;
}

export interface Autoscaler {
  /** KEDA's look. @returns replicas from now on */
  readonly poll: (now: number, metrics: readonly number[]) => number;
  /** The HPA's look. @returns replicas from now on */
  readonly sync: (now: number, metrics: readonly number[]) => number;
  readonly replicas: () => number;
}

export function createAutoscaler(settings: ScalingSettings, initial: number): Autoscaler {
  const { triggers, scaleUp, scaleDown, maxReplicaCount } = settings;
  const least = Math.max(1, settings.minReplicaCount);
  let replicas = initial;
  let lastActive = Number.NEGATIVE_INFINITY;
  let recommendations: { readonly at: number; readonly replicas: number }[] = [];
  let changes: Change[] = [];

  function set(now: number, to: number): number {
    if (to !== replicas) changes.push({ at: now, by: to - replicas });
    replicas = to;
    return to;
  }

  /** Replicas that were added (1) or taken (-1) in the last seconds. */
  const moved = (now: number, seconds: number, sign: 1 | -1): number =>
    changes
      .filter(({ at, by }) => at > now - seconds && by * sign > 0)
      .reduce((sum, { by }) => sum + by * sign, 0);

  function bound(now: number, { policies, selectPolicy }: Rules, sign: 1 | -1): number {
    if (selectPolicy === 'Disabled') return replicas;
    const bounds = policies.map(({ type, value, periodSeconds }) => {
      const before = replicas - sign * moved(now, periodSeconds, sign);
      if (type === 'Pods') return before + sign * value;
      const share = before * (1 + (sign * value) / 100);
      return sign > 0 ? Math.ceil(share) : Math.floor(share);
    });
    const isFurthest = selectPolicy === 'Max';
    return sign > 0 === isFurthest ? Math.max(...bounds) : Math.min(...bounds);
  }

  function stabilized(now: number, desired: number): number {
    const since = (seconds: number): number[] => [
      desired,
      ...recommendations.filter(({ at }) => at > now - seconds).map((one) => one.replicas),
    ];
    const up = Math.min(...since(scaleUp.stabilizationWindowSeconds));
    const down = Math.max(...since(scaleDown.stabilizationWindowSeconds));
    recommendations.push({ at: now, replicas: desired });
    const longest = Math.max(
      scaleUp.stabilizationWindowSeconds,
      scaleDown.stabilizationWindowSeconds,
    );
    recommendations = recommendations.filter(({ at }) => at > now - longest);
    return Math.min(Math.max(replicas, up), down);
  }

  return {
    replicas: () => replicas,
    poll(now, metrics) {
      const isActive = metrics.some((metric, i) => metric > (triggers[i]?.activation ?? 0));
      if (isActive) lastActive = now;
      if (replicas === 0) return isActive ? set(now, least) : 0;
      const mayEnd = settings.minReplicaCount === 0 && !isActive;
      return mayEnd && now - lastActive > settings.cooldownPeriod ? set(now, 0) : replicas;
    },
    sync(now, metrics) {
      if (replicas === 0) return 0;
      const longest = Math.max(
        ...[...scaleUp.policies, ...scaleDown.policies].map((policy) => policy.periodSeconds),
      );
      changes = changes.filter(({ at }) => at > now - longest);
      const each = metrics.map((metric, i) =>
        desiredReplicas(metric, triggers[i]?.target ?? 1, replicas),
      );
      const wanted = stabilized(now, Math.max(...each));
      if (wanted > replicas) {
        const most = Math.min(maxReplicaCount, Math.max(replicas, bound(now, scaleUp, 1)));
        return set(now, Math.min(wanted, most));
      }
      const fewest = Math.max(least, Math.min(replicas, bound(now, scaleDown, -1)));
      return set(now, Math.max(wanted, fewest));
    },
  };
}
