/** Models without graphs whose loading the test ends, one by one. */
import type { Offer } from '../../worker/registry/offer.ts';
import { ThreadEndedError } from '../../worker/session/types.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';
import { offerOf } from './offers.ts';

export interface FakeModel {
  readonly offer: Offer;
  readonly description: ServedModel['description'];
  /** Loads that were begun, and models that were closed. */
  readonly counts: { loads: number; closed: number };
  /** Lets the loads that wait end, and all that come. */
  readonly finish: () => void;
  /** Fails the loads that wait. */
  readonly fail: (error: Error) => void;
  /** Ends the thread of the model that was loaded last. */
  readonly die: () => void;
}

export interface FakeOptions extends Partial<Offer> {
  readonly digest?: string;
  /** Loads end at once. */
  readonly isQuick?: boolean;
}

export function fakeServed(
  id: string,
  { digest = 'one', isQuick = true, ...offered }: FakeOptions = {},
): FakeModel {
  const description = { id, digest, modalities: [] } as unknown as ServedModel['description'];
  const counts = { loads: 0, closed: 0 };
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let quick = isQuick;
  let die = (): void => {};
  const open: Offer['open'] = async (signal) => {
    counts.loads++;
    if (!quick)
      await new Promise<void>((resolve, reject) => {
        waiting.push({ resolve, reject });
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    const died = new Promise((resolve) => {
      die = () => resolve(new ThreadEndedError('the thread of the test has ended'));
    });
    const close = async (): Promise<void> => void counts.closed++;
    const scheduler = {};
    return { description, loaded: { died, close }, scheduler, close } as unknown as ServedModel;
  };
  return {
    offer: offerOf(description, open, offered),
    description,
    counts,
    finish() {
      quick = true;
      for (const { resolve } of waiting.splice(0)) resolve();
    },
    fail(error) {
      for (const { reject } of waiting.splice(0)) reject(error);
    },
    die: () => die(),
  };
}
