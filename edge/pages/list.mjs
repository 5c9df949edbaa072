// Every page of the edge. To add one: its parts in a folder of `edge/`, its line here, and its route in
// `shared/api/addresses.ts` and `shared/api/serviceRoutes.ts`, whose id is the page's name.
import { docs, openapi } from '../docs/page.mjs';
import { playground } from '../playground/page.mjs';

/**
 * `html` is the file of a template, or `template` its text, with `<!-- style -->` and `<!-- script -->` in it; `script` (TypeScript) and `style` (CSS) are
 * entry files; `define` gives names of the script their values. A page without one of the last three leaves it out.
 * `json` is the whole text of what is JSON and no page.
 */
export const PAGES = [docs, openapi, playground];
