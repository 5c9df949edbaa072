/** Answers that a test holds back, so that they come in the order that it wants. */
import type { Page, Route } from 'playwright-core';

export interface Held {
  /** The request of this number, from 0, once it has come; its answer waits for the test. */
  at(index: number): Promise<Route>;
  /** How many have come. */
  count(): number;
  /** Holds nothing any more that comes from now on. */
  release(): Promise<void>;
}

/** Holds back what the page asks there, where it is asked so. */
export async function hold(
  page: Page,
  address: string | RegExp,
  isHeld: (route: Route) => boolean = () => true,
): Promise<Held> {
  const routes: Route[] = [];
  const take = async (route: Route): Promise<void> => {
    if (isHeld(route)) routes.push(route);
    else await route.fallback();
  };
  await page.route(address, take);
  return {
    async at(index) {
      for (let tries = 0; tries < 4800; tries++) {
        const route = routes[index];
        if (route) return route;
        await page.waitForTimeout(25);
      }
      throw new Error(`${address} was asked ${routes.length} times, not ${index + 1}`);
    },
    count: () => routes.length,
    release: async () => await page.unroute(address, take),
  };
}

/** Makes the page read files slowly, as large ones are. */
export async function readSlowly(page: Page, milliseconds = 400): Promise<void> {
  await page.addInitScript((wait) => {
    const read = FileReader.prototype.readAsDataURL;
    FileReader.prototype.readAsDataURL = function (file) {
      setTimeout(() => read.call(this, file), wait);
    };
  }, milliseconds);
}
