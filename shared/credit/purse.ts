/**
 * What an edge has leased of one tenant's credit, and spends: held before work begins, charged when it has succeeded,
 * given back when it has not. Where the lease has enough, neither waits for the store.
 */
import { balanceOf, extendLease, openLease } from './account.ts';
import { type Hold, InsufficientCreditError, type OwnHold } from './hold.ts';
import { type Charge, LEASE_IDS } from './ledger.ts';
import { createLeaseLog, type LeaseLog, type Pending } from './log.ts';
import { reclaim, type SettleServices, settle } from './settle.ts';
import { createStranded } from './stranded.ts';

export interface PurseOptions {
  /** This edge. */
  readonly holder: string;
  readonly currency?: string;
  readonly leaseMilliseconds?: number;
  /** Charges that nobody waits for are gathered so long. */
  readonly gatherMilliseconds?: number;
  /** Told of charges that were lost since their lease had ended, and of what goes wrong. */
  readonly onLost?: (charge: Charge) => void;
  readonly onTrouble?: (error: unknown) => void;
  /** Told of each lease. */
  readonly onLease?: (outcome: 'leased' | 'refused') => void;
}

export interface Purse {
  /** @throws InsufficientCreditError; what the store throws */
  hold(amount: number): Hold | Promise<Hold>;
  /**
   * Writes all charges that were committed before. When it resolves, each is in the store or was told as lost.
   * @throws what the store throws; then the rest is tried again with the next one
   */
  flush(): Promise<void>;
  /** Ends leases that are not needed any more, or all of them; their charges are written as `flush` does. @throws what the store throws */
  tidy(all: boolean): Promise<void>;
  /** Whether nothing is leased. */
  readonly isEmpty: () => boolean;
  /** What is leased and not spent. */
  readonly left: () => number;
}

interface OpenLease {
  readonly id: string;
  readonly log: LeaseLog;
  until: number;
  /** Neither held nor charged. */
  free: number;
  /** Pieces of work that hold a part of it. */
  holds: number;
  /** When something was held last. */
  usedAt: number;
  /** Nothing is held from it any more. */
  isLeft: boolean;
}

export const LEASE_MILLISECONDS = 30_000;
const GATHER_MILLISECONDS = 500;
/** Before its end nothing new is held from a lease. */
const MARGIN = 0.2;
/** A lease that is not used for so long goes back. */
const IDLE_MILLISECONDS = 10_000;
/** A block lasts about so long; twice as long, or half, is near enough. */
const BLOCK_MILLISECONDS = 5000;
/** The first block, in prices of what it is leased for. */
const FIRST_BLOCK = 20;
/** Of the balance one lease takes at most this share beyond what is needed now, so that others find some. */
const SHARE = 0.25;
/** Between two looks for credit that has come back, before work is refused. */
const RECLAIM_MILLISECONDS = 1000;
const TRIES = 8;
const GATHERED = 500;

/** Waits for all of them, also where one fails. @throws what the first that failed throws */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

export function createPurse(
  services: SettleServices,
  tenant: string,
  {
    holder,
    currency,
    leaseMilliseconds = LEASE_MILLISECONDS,
    gatherMilliseconds = GATHER_MILLISECONDS,
    onLost = () => {},
    onTrouble = () => {},
    onLease = () => {},
  }: PurseOptions,
): Purse {
  const { accounts, ledger, now } = services;
  let leases: OpenLease[] = [];
  let leasing: Promise<{ readonly refused?: number }> | undefined;
  let waitingFor = 0;
  let block = 0;
  let leasedAt = 0;
  let reclaimedAt = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let timerEnds = 0;
  const stranded = createStranded((amount) => hold(amount), onLost);

  const isUsable = (lease: OpenLease): boolean =>
    !lease.isLeft && now() < lease.until - MARGIN * leaseMilliseconds;

  /** How much the next lease should have, by how long the last one lasted. */
  function nextBlock(need: number): number {
    const lasted = now() - leasedAt;
    if (block === 0) block = need * FIRST_BLOCK;
    else if (lasted < BLOCK_MILLISECONDS / 2) block *= 2;
    else if (lasted > BLOCK_MILLISECONDS * 3) block = Math.ceil(block / 2);
    leasedAt = now();
    return Math.max(need, block, waitingFor);
  }

  async function lease(need: number): Promise<{ readonly refused?: number }> {
    const id = LEASE_IDS.create(now());
    const wanted = nextBlock(need);
    const until = now() + leaseMilliseconds;
    const open = async () =>
      await accounts.change(tenant, (account) => {
        const balance = balanceOf(account);
        const amount = Math.min(balance, Math.max(need, Math.min(wanted, balance * SHARE)));
        return amount < need
          ? undefined
          : openLease(account, { id, holder, amount: Math.floor(amount), until });
      });
    let account = await open();
    let own = account.leases.find((one) => one.id === id);
    if (!own && now() - reclaimedAt > RECLAIM_MILLISECONDS) {
      reclaimedAt = now();
      await reclaim(services, tenant);
      account = await open();
      own = account.leases.find((one) => one.id === id);
    }
    onLease(own ? 'leased' : 'refused');
    if (!own) return { refused: balanceOf(account) };
    const log = createLeaseLog(ledger, { tenant, lease: id }, currency);
    const opened = { id, log, until, free: own.amount, holds: 0, usedAt: now(), isLeft: false };
    leases = [...leases, opened];
    return {};
  }

  function gather(soon: boolean): void {
    const wait = soon ? 0 : gatherMilliseconds;
    // A timer of Workers may have ended with the request that set it.
    const isSet = timer !== undefined && Date.now() < timerEnds + gatherMilliseconds;
    if (isSet && Date.now() + wait >= timerEnds) return;
    clearTimeout(timer);
    timerEnds = Date.now() + wait;
    timer = setTimeout(() => {
      timer = undefined;
      flush().catch(onTrouble);
    }, wait);
    (timer as { unref?: () => void }).unref?.();
  }

  async function flushLease(one: OpenLease): Promise<void> {
    const refused = await one.log.flush();
    if (refused.length === 0) return;
    one.isLeft = true;
    stranded.add(refused);
  }

  async function flush(): Promise<void> {
    for (let rounds = 0; rounds < TRIES; rounds++) {
      const before = stranded.carried();
      await allOf(leases.filter(({ log }) => log.waiting() > 0).map(flushLease));
      await stranded.carry();
      // What was carried over meanwhile waits in the log of another lease.
      if (stranded.carried() === before) return;
    }
    throw new Error('others end each lease before its charges are written');
  }

  async function endLease(one: OpenLease): Promise<void> {
    one.isLeft = true;
    stranded.add(await one.log.end());
    await settle(services, { tenant, lease: one.id });
    // Only now: what the store did not take is tried again.
    leases = leases.filter((other) => other !== one);
  }

  function holdFrom(one: OpenLease, amount: number): OwnHold {
    one.free -= amount;
    one.holds++;
    one.usedAt = now();
    let isOver = false;
    const giveBack = (left: number): void => {
      if (isOver) throw new Error('what was held is charged or released already');
      isOver = true;
      one.holds--;
      one.free += left;
    };
    const enter = (pending: Pending): void => {
      const { charge } = pending;
      if (charge.amount > amount) throw new Error('a charge is larger than what was held for it');
      giveBack(amount - charge.amount);
      one.log.add(pending);
    };
    return {
      amount,
      enter,
      commit(charge) {
        const written = new Promise<void>((resolve, reject) => {
          enter({ charge, written: resolve, delayed: reject });
        });
        // Who does not wait for it is not told.
        written.catch(() => {});
        gather(charge.cached !== true || one.log.waiting() >= GATHERED);
        return written;
      },
      release: () => giveBack(amount),
      async extend() {
        if (now() < one.until - leaseMilliseconds / 2) return;
        const until = now() + leaseMilliseconds;
        const account = await accounts.change(tenant, (before) =>
          extendLease(before, one.id, until),
        );
        if (account.leases.some(({ id, until: own }) => id === one.id && own >= until))
          one.until = until;
      },
    };
  }

  function take(amount: number): OwnHold | undefined {
    const one = leases.find((own) => own.free >= amount && isUsable(own));
    return one && holdFrom(one, amount);
  }

  async function holdSlowly(amount: number): Promise<OwnHold> {
    waitingFor += amount;
    try {
      for (let tries = 0; tries < TRIES; tries++) {
        leasing ??= lease(amount).finally(() => {
          leasing = undefined;
        });
        const { refused } = await leasing;
        const held = take(amount);
        if (held) return held;
        // Others may have wanted more.
        if (refused !== undefined && refused < amount) throw new InsufficientCreditError(refused);
      }
    } finally {
      waitingFor -= amount;
    }
    throw new Error('others spend each lease before this one can');
  }

  function hold(amount: number): OwnHold | Promise<OwnHold> {
    return take(amount) ?? holdSlowly(amount);
  }

  return {
    hold,
    flush,
    async tidy(all) {
      for (let rounds = 0; rounds < TRIES; rounds++) {
        const over = leases.filter((one) => {
          const isIdle = now() - one.usedAt > IDLE_MILLISECONDS;
          return one.holds === 0 && (all || isIdle || !isUsable(one));
        });
        if (over.length === 0 && stranded.count() === 0) return;
        await allOf(over.map(endLease));
        if (stranded.count() > 0) await flush();
        if (!all) return;
      }
      throw new Error('others end each lease before its charges are written');
    },
    isEmpty: () => leases.length + stranded.count() + waitingFor === 0 && leasing === undefined,
    left: () => leases.reduce((sum, { free }) => sum + free, 0),
  };
}
