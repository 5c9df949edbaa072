import { visit } from './browser.js';

// biome-ignore lint/style/noDefaultExport: the module of a Worker has one
export default {
  async fetch(request) {
    const server = new URL(request.url).searchParams.get('server');
    if (!server) return new Response('ready');
    try {
      return Response.json(await visit(server));
    } catch (error) {
      return new Response(`${error.stack}`, { status: 500 });
    }
  },
};
