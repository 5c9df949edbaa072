/** Requests, loads and swaps by a clock of their own, as `room.ts` decides them. */
import { decide, type Resident } from '../../worker/registry/room.ts';

export interface SimulatedModel {
  readonly id: string;
  readonly bytes: number;
  readonly loadMilliseconds: number;
}

export interface SimulatedRequest {
  readonly model: string;
  readonly arrives: number;
  /** Time at work. */
  readonly takes: number;
}

export interface Simulated {
  /** Waiting time of each request, in their order. */
  readonly waits: readonly number[];
  readonly loads: number;
  readonly mostBytes: number;
  readonly ended: number;
}

interface Held extends Omit<Resident, 'uses' | 'usedAt'> {
  uses: number;
  usedAt: number;
}

/** @throws Error when somebody waits and nothing will ever happen */
export function simulate(
  models: readonly SimulatedModel[],
  budget: number,
  requests: readonly SimulatedRequest[],
): Simulated {
  const byId = new Map(models.map((model) => [model.id, model]));
  const held = new Map<string, Held>();
  const loading = new Map<string, number>();
  const before = new Set<string>();
  let drained: readonly string[] = [];
  const waiting: { readonly index: number; readonly model: string; readonly since: number }[] = [];
  const waits = requests.map(() => Number.NaN);
  const working: { readonly model: string; readonly ends: number }[] = [];
  const coming = requests
    .map((request, index) => ({ ...request, index }))
    .sort((a, b) => a.arrives - b.arrives);
  let [now, loads, mostBytes] = [0, 0, 0];

  const bytes = (): number =>
    [...held.keys(), ...loading.keys()].reduce((sum, id) => sum + byId.get(id)!.bytes, 0);

  function grant(): void {
    for (const one of [...waiting]) {
      const model = held.get(one.model);
      if (!model || drained.includes(one.model)) continue;
      waiting.splice(waiting.indexOf(one), 1);
      model.uses++;
      model.usedAt = now;
      waits[one.index] = now - one.since;
      working.push({ model: one.model, ends: now + requests[one.index]!.takes });
    }
  }

  /** @returns when to decide again */
  function settle(): number | undefined {
    const ids = [...new Set(waiting.map(({ model }) => model))];
    const wanted = ids
      .filter((id) => !held.has(id) && !loading.has(id))
      .map((id) => ({
        ...byId.get(id)!,
        since: Math.min(...waiting.filter(({ model }) => model === id).map(({ since }) => since)),
        makesRoom: true,
        loadMilliseconds: before.has(id) ? byId.get(id)!.loadMilliseconds : undefined,
      }));
    const free = budget - bytes();
    const decision = decide({ now, free, leaving: 0, residents: [...held.values()], wanted });
    drained = decision.drain;
    for (const id of decision.evict) {
      if (held.get(id)?.uses !== 0) throw new Error(`${id} is freed under a request`);
      held.delete(id);
    }
    for (const id of decision.load) loading.set(id, now + byId.get(id)!.loadMilliseconds);
    mostBytes = Math.max(mostBytes, bytes());
    grant();
    return decision.evict.length > 0 ? now : decision.again;
  }

  for (;;) {
    let again = settle();
    while (again === now) again = settle();
    const times = [
      ...coming.slice(0, 1).map(({ arrives }) => arrives),
      ...loading.values(),
      ...working.map(({ ends }) => ends),
      ...(again === undefined ? [] : [again]),
    ];
    if (times.length === 0) break;
    now = Math.min(...times);
    while (coming[0] && coming[0].arrives <= now) {
      const { index, model } = coming.shift()!;
      waiting.push({ index, model, since: now });
    }
    for (const [id, ends] of loading)
      if (ends <= now) {
        loading.delete(id);
        before.add(id);
        loads++;
        const { bytes: size, loadMilliseconds } = byId.get(id)!;
        held.set(id, { id, bytes: size, loadMilliseconds, uses: 0, loadedAt: now, usedAt: now });
        drained = [];
        grant();
      }
    for (const one of working.filter(({ ends }) => ends <= now)) {
      working.splice(working.indexOf(one), 1);
      const model = held.get(one.model)!;
      model.uses--;
      model.usedAt = now;
    }
  }
  if (waiting.length > 0) throw new Error(`${waiting.length} requests wait for ever`);
  return { waits, loads, mostBytes, ended: now };
}
