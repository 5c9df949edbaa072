/** Requests as a client may write them that `fetch` cannot: a header twice, a body that waits. */
import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * What a server says on a connection of its own, until it is enough or half a minute has passed.
 * @param head the first line and the headers, but for host and length
 * @param waitsFor what the server says before the body is sent; absent: it is sent at once
 */
export async function converse(
  url: string,
  head: readonly string[],
  body: string,
  isEnough: (said: string) => boolean,
  waitsFor?: RegExp,
): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  let said = '';
  let isSent = waitsFor === undefined;
  socket.setEncoding('latin1');
  const enough = new Promise<void>((resolve) => {
    socket.on('data', (text: string) => {
      said += text;
      if (!isSent && waitsFor?.test(said)) {
        isSent = true;
        socket.write(body);
      }
      if (isEnough(said)) resolve();
    });
    socket.on('close', () => resolve());
  });
  socket.on('error', () => {});
  const lines = [...head, 'host: localhost', `content-length: ${body.length}`, '', ''];
  socket.write(lines.join('\r\n') + (isSent ? body : ''));
  await Promise.race([enough, new Promise((resolve) => setTimeout(resolve, 30_000).unref())]);
  socket.destroy();
  return said;
}
