/** Pages for browsers, each one file with its script and style inside, and what else is written at the build. */
import { isKnown } from '../conditional.ts';
import { type OpenPage, PAGES, type Page, type PageName } from '../pages/pages.ts';
import type { EdgeContext } from '../problems.ts';

type Handler = (c: EdgeContext) => Promise<Response>;

function pageRoute({ file, type, etag, policy }: Page, openPage: OpenPage): Handler {
  return async (c) => {
    // Asked again each time, a page is sent again only when it has changed.
    const headers = { 'content-security-policy': policy, 'cache-control': 'no-cache', etag };
    if (isKnown(c.req.header('if-none-match'), etag)) return c.body(null, { status: 304, headers });
    const body = await openPage(file);
    return c.body(body, { headers: { ...headers, 'content-type': type } });
  };
}

/** A route for each page, which has the page's name. */
export const createPageRoutes = (openPage: OpenPage): Record<PageName, Handler> =>
  Object.fromEntries(
    Object.entries(PAGES).map(([name, page]) => [name, pageRoute(page, openPage)]),
  ) as Record<PageName, Handler>;
