/** What the bench and its hostile client say to each other, and the bench's side of it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Address } from './attacks.ts';
import type { Sent } from './send.ts';

/** Runs one attack. */
export interface ToAttacker {
  readonly name: string;
  readonly address: Address;
}

export interface ToBench {
  /** All attacks, in the order in which they are sent; said once, when their bodies are made. */
  readonly names?: readonly string[];
  /** What an attack got back. */
  readonly sent?: readonly Sent[];
}

export interface Attacker {
  readonly names: readonly string[];
  attack(message: ToAttacker): Promise<readonly Sent[]>;
  end(): void;
}

/** Starts the hostile client. @throws Error when it ends */
export async function startAttacker(): Promise<Attacker> {
  const child = fork(new URL('./attacker.js', import.meta.url), { detached: true });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the hostile client ended with code ${code}`);
  });
  ended.catch(() => {});
  const answer = async (): Promise<ToBench> => {
    const [message] = await Promise.race([once(child, 'message'), ended]);
    return message;
  };
  const { names = [] } = await answer();
  return {
    names,
    async attack(message) {
      child.send(message);
      return (await answer()).sent ?? [];
    },
    end: () => child.disconnect(),
  };
}
