/** Bodies at the worker: refused by their headers, read as they were signed, and not for ever. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { sendFailure, sendJson } from '../../worker/http/answers.ts';
import { readBody } from '../../worker/http/io.ts';
import { asFailure } from '../../worker/service/runJob.ts';

const LENGTH = 1000;
const WAIT = 1000;

describe('a body', () => {
  let port = 0;
  const server = createServer(async (request, response) => {
    try {
      const body = await readBody(request, LENGTH, WAIT);
      sendJson(response, 200, { bytes: body.byteLength, last: body.at(-1) });
    } catch (error) {
      sendFailure(request, response, asFailure(error));
    }
  });
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  after(() => server.close());

  const send = async (length: number, ...parts: string[]): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`POST / HTTP/1.1\r\nhost: worker\r\ncontent-length: ${length}\r\n\r\n`);
    for (const part of parts) {
      socket.write(part);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return socket;
  };
  /** The head and the body of the answer, which ends with the brace of its JSON. */
  const answerOn = async (socket: Socket): Promise<string> => {
    let text = '';
    while (!text.endsWith('}')) text += String((await once(socket, 'data'))[0]);
    return text;
  };
  const answerOf = async (socket: Socket): Promise<string> => {
    const text = await answerOn(socket);
    socket.destroy();
    return text;
  };

  test('in parts is read whole', async () => {
    const socket = await send(LENGTH, 'a'.repeat(400), 'b'.repeat(599), 'c');
    assert.match(await answerOf(socket), /200 OK[\s\S]*{"bytes":1000,"last":99}/);
  });

  test('of another length than was signed is refused', async () => {
    const long = await answerOf(await send(LENGTH + 5, 'a'.repeat(LENGTH + 5)));
    assert.match(long, / 400 [\s\S]*has more than the 1000 bytes signed/);
    assert.match(long, /connection: close/i);
    const short = await answerOf(await send(7, 'aaaaaaa'));
    assert.match(short, / 400 [\s\S]*has 7 bytes of the 1000 signed/);
  });

  test('that dribbles is refused when its time is over, and its connection ends', async () => {
    const socket = await send(LENGTH, 'a');
    const timer = setInterval(() => socket.write('a'), 20);
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        clearInterval(timer);
        resolve();
      });
    });
    const answer = await answerOn(socket);
    assert.match(answer, / 400 [\s\S]*did not arrive within 1001 ms/);
    await closed;
  });
});
