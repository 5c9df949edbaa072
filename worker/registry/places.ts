/**
 * Which models there are: what the source offers, and what of it has come, changed or gone since. Those at
 * work are left alone: a model whose files have gone is there as long as it is in memory, and one whose
 * files hold another version ends with its last request, while new requests wait for the new version.
 */
import type { Model } from '../../shared/api/models.ts';
import { selectModel } from '../../shared/plan/names.ts';
import { describeError, type Log } from '../log.ts';
import { tooLarge } from './failures.ts';
import type { Fault, Offer, OfferSource } from './offer.ts';
import { createPlace, type Loaded, type Place } from './place.ts';

export interface PlacesOptions {
  readonly source: OfferSource;
  readonly budget: number;
  readonly log: Log;
  readonly now: () => number;
  /** Aborts when nothing is looked for any more. */
  readonly signal: AbortSignal;
}

export interface Places {
  /** Finds them at the start. @throws Error when one is at fault, or none fits the budget */
  readonly begin: (signal: AbortSignal) => Promise<void>;
  /** Finds them again. @throws Error when the source cannot be read */
  readonly refresh: () => Promise<void>;
  /** Of the present versions, in order. */
  readonly current: () => readonly Place[];
  /** Earlier versions that are still in memory. */
  readonly retired: () => readonly Place[];
  readonly all: () => readonly Place[];
  readonly descriptions: () => readonly Model[];
  /** @throws FailureError `model_not_loaded` */
  readonly find: (id: string) => Place;
  /** The place of a model in memory. */
  readonly of: (loaded: Loaded) => Place | undefined;
  /** Drops what has gone and is no longer in memory. */
  readonly forgetGone: () => void;
}

const idOf = ({ offer }: Place): string => offer.description.id;

const isInMemory = ({ loaded, loadingSince }: Place): boolean =>
  loaded !== undefined || loadingSince !== undefined;

export function createPlaces({ source, budget, log, now, signal }: PlacesOptions): Places {
  let current: Place[] = [];
  let retired: Place[] = [];
  /** Id -> version that was seen once: a folder that is being written looks otherwise the next time. */
  let seen = new Map<string, string>();
  /** Faults that were told. */
  let told = new Set<string>();
  let refreshing: Promise<void> | undefined;

  function tell(faults: readonly Fault[]): void {
    const messages = faults.map(({ origin, error }) => ({ origin, text: describeError(error) }));
    for (const { origin, text } of messages) {
      if (told.has(text)) continue;
      const message = `the model of ${origin} cannot be offered`;
      log({ event: 'not offered', message, origin, error: text });
    }
    told = new Set(messages.map(({ text }) => text));
  }

  /** Without those that are too large, or have the id of an earlier one. */
  function usable(offers: readonly Offer[], faults: readonly Fault[]): readonly Offer[] {
    const further: Fault[] = [];
    const byId = new Map<string, Offer>();
    for (const offer of offers) {
      const { id } = offer.description;
      const twin = byId.get(id);
      const error = twin
        ? new Error(`two models have the id ${id}: ${twin.origin} and ${offer.origin}`)
        : offer.bytes > budget
          ? new Error(tooLarge(offer, budget))
          : undefined;
      if (error) further.push({ origin: offer.origin, error });
      else byId.set(id, offer);
    }
    tell([...faults, ...further]);
    return [...byId.values()];
  }

  /** A new version in the place of an earlier one. */
  function replace(old: Place, offer: Offer): Place {
    const place = createPlace(offer, now);
    old.waiters.moveTo(place.waiters);
    old.isRetired = true;
    if (isInMemory(old)) retired.push(old);
    // Also where it was to be loaded again, and could not be.
    if (isInMemory(old) || old.preloadSince !== undefined) place.preloadSince = now();
    place.isLost = old.isLost;
    const { id, digest } = offer.description;
    const message = `the files of the model ${id} have changed; new requests get the new version`;
    log({ event: 'changed', message, model: id, from: old.offer.description.digest, to: digest });
    return place;
  }

  function keepGone(place: Place): Place[] {
    if (!place.isGone) {
      place.isGone = true;
      const stays = isInMemory(place)
        ? 'it is served until it has to be loaded again'
        : 'it has gone';
      const message = `the files of the model ${idOf(place)} are no longer there: ${stays}`;
      log({ event: 'gone', message, model: idOf(place), origin: place.offer.origin });
    }
    return [place];
  }

  async function look(): Promise<void> {
    const { offers: listed, faults } = await source.list(signal);
    const offers = usable(listed, faults);
    const settled = ({ description: { id }, version }: Offer) => seen.get(id) === version;
    const next = offers.flatMap((offer): Place[] => {
      const old = current.find((place) => idOf(place) === offer.description.id);
      if (!old) return settled(offer) ? [createPlace(offer, now)] : [];
      old.isGone = false;
      if (old.offer.version === offer.version) return [old];
      return settled(offer) ? [replace(old, offer)] : [old];
    });
    seen = new Map(offers.map(({ description: { id }, version }) => [id, version]));
    const names = new Set(offers.map(({ description }) => description.id));
    current = [...next, ...current.filter((old) => !names.has(idOf(old))).flatMap(keepGone)];
    forgetGone();
  }

  function forgetGone(): void {
    const stays = (place: Place): boolean => isInMemory(place);
    retired = retired.filter(stays);
    const leaving = current.filter((place) => place.isGone && !stays(place));
    current = current.filter((place) => !leaving.includes(place));
    for (const place of leaving) {
      const { waiters } = place;
      try {
        selectModel(idOf(place), descriptions());
      } catch (error) {
        waiters.refuse(error);
      }
    }
  }

  const descriptions = (): readonly Model[] => current.map(({ offer }) => offer.description);
  const all = (): readonly Place[] => [...current, ...retired];

  return {
    async begin(given) {
      const { offers, faults } = await source.list(given);
      const [fault] = faults;
      if (fault) throw fault.error;
      if (offers.length === 0) throw new Error(source.emptiness);
      for (const [i, offer] of offers.entries()) {
        const { id } = offer.description;
        const twin = offers.slice(0, i).find(({ description }) => description.id === id);
        if (twin)
          throw new Error(`two models have the id ${id}: ${twin.origin} and ${offer.origin}`);
      }
      const [smallest] = [...offers].sort((a, b) => a.bytes - b.bytes);
      if (smallest && smallest.bytes > budget)
        throw new Error(`no model fits: the smallest is too large. ${tooLarge(smallest, budget)}`);
      current = usable(offers, []).map((offer) => createPlace(offer, now));
      seen = new Map(offers.map(({ description: { id }, version }) => [id, version]));
    },
    refresh() {
      refreshing ??= look().finally(() => {
        refreshing = undefined;
      });
      return refreshing;
    },
    current: () => current,
    retired: () => retired,
    all,
    descriptions,
    find(id) {
      const { id: known } = selectModel(id, descriptions());
      const place = current.find((one) => idOf(one) === known);
      if (!place) throw new Error(`the place of ${id} is missing`);
      return place;
    },
    of: (loaded) => all().find((place) => place.loaded === loaded),
    forgetGone,
  };
}
