/** `GET /`: the playground, one page with its script and style inside. */
import { playgroundCsp, playgroundHtml } from '../playground/assets.gen.ts';
import type { EdgeContext } from '../problems.ts';

export const playground = (c: EdgeContext): Response => {
  c.header('content-security-policy', playgroundCsp);
  c.header('cache-control', 'no-cache');
  return c.html(playgroundHtml);
};
