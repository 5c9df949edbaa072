/** What the edge knows of its pages. Their bytes are static assets, which each platform opens in its own way. */
import { PAGES } from './pages.gen.ts';

export { PAGES };

export type PageName = keyof typeof PAGES;

export interface Page {
  /** Its file among the static assets. */
  readonly file: string;
  /** Its media type. */
  readonly type: string;
  /** Of its bytes: strong, quoted. */
  readonly etag: string;
  /** Its content security policy. */
  readonly policy: string;
}

/** Opens the file of a page. @throws Error when it is not there */
export type OpenPage = (file: string) => Promise<Uint8Array<ArrayBuffer> | ReadableStream>;

/** What Workers bind their static assets as. */
interface Assets {
  fetch(address: string): Promise<Response>;
}

const isAssets = (binding: unknown): binding is Assets =>
  typeof binding === 'object' && binding !== null && 'fetch' in binding;

/** @param binding of Workers, `ASSETS` in wrangler.toml */
export function openBoundPage(binding: unknown): OpenPage {
  return async (file) => {
    if (!isAssets(binding)) throw new Error('the binding ASSETS is absent, which has the pages');
    // The host is not looked at; only names of the list of pages come here.
    const { status, body } = await binding.fetch(`https://assets.local/${file}`);
    if (status === 200 && body) return body;
    throw new Error(`the static assets answered ${status} for ${file}`);
  };
}
