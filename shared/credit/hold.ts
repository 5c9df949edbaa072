/** Credit that is held for one piece of work, and what is said where there is not enough. */
import type { Charge } from './ledger.ts';
import type { Pending } from './log.ts';

/** What is held for one piece of work. */
export interface Hold {
  readonly amount: number;
  /**
   * Charges it; what is held beyond the charge's amount is free again.
   * @returns resolves when the charge is in the store; rejects when that was not possible at once, and is tried again
   */
  commit(charge: Charge): Promise<void>;
  /** Nothing is charged. */
  release(): void;
  /** Keeps it for work that takes long. */
  extend(): Promise<void>;
}

/** The credit does not cover the work. */
export class InsufficientCreditError extends Error {
  override readonly name = 'InsufficientCreditError';
  readonly balance: number;
  constructor(balance: number) {
    super(`the credit has ${balance} left`);
    this.balance = balance;
  }
}

/** A hold within the purse: a charge that was committed elsewhere before can be taken from it. */
export interface OwnHold extends Hold {
  /** Commits a charge, of which those who wait for it are told. */
  enter(pending: Pending): void;
}
