/** Makes a fleet fail as planned. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from './fleet.ts';
import type { Kill } from './history.ts';
import type { PlannedFault } from './plan.ts';
import type { Receiver } from './receiver.ts';

/** Does what is planned, each at its time. @returns kills of workers */
export async function misbehave(
  fleet: Fleet,
  receiver: Receiver,
  plan: readonly PlannedFault[],
  log: (line: string) => void,
): Promise<Kill[]> {
  const began = performance.now();
  const kills: Kill[] = [];
  const pending: Promise<void>[] = [];
  for (const { atMilliseconds, fault } of plan) {
    await sleep(Math.max(0, began + atMilliseconds - performance.now()));
    log(`${(atMilliseconds / 1000).toFixed(1)} s: ${JSON.stringify(fault)}`);
    switch (fault.do) {
      case 'kill': {
        const worker = fleet.workerNames.get(fault.process);
        if (worker !== undefined) kills.push({ worker, at: Date.now() });
        await fleet.processes[fault.process]?.kill();
        break;
      }
      case 'empty queue':
        pending.push(fleet.queue.restart(fault.pauseMilliseconds));
        break;
      case 'store':
        if (fleet.storeProxy) fleet.storeProxy.mood = fault.mood;
        break;
      case 'receiver down':
        await receiver.goDown();
        break;
      case 'receiver back':
        await receiver.comeBack();
        break;
    }
  }
  await Promise.all(pending);
  return kills;
}
