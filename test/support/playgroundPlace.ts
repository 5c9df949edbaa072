/** What the playground's tests share: one browser, one server, one folder. */
import type { Browser } from 'playwright-core';

export interface PlaygroundPlace {
  readonly browser: Browser;
  /** Without a trailing slash. */
  readonly url: string;
  /** Holds `my scene.png`. */
  readonly folder: string;
}

/** Read within a test, since `before` sets it. */
export type Place = () => PlaygroundPlace;

export interface TestOptions {
  readonly skip?: string;
}
