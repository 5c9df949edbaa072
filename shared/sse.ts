/**
 * Server-sent events as the HTML standard reads them (section 9.2.6): lines end in LF, CR or CRLF, a
 * blank line ends an event, and bytes may be cut anywhere.
 */

export interface ServerSentEvent {
  /** `message` when the server named none. */
  readonly event: string;
  readonly data: string;
  /** The last one that the server gave, with this event or before it; absent when it gave none. */
  readonly id?: string;
}

/** Longest event held in memory, in characters: a server that never ends one must not fill it. */
const MAX_EVENT_LENGTH = 256 * 1024 * 1024;

/**
 * A parser to push text into; every push answers the events that it completed.
 * @throws Error (from `push`) when one event grows beyond the bound
 */
export function createEventParser(): { push(text: string): ServerSentEvent[] } {
  let rest: string[] = [];
  let restLength = 0;
  let started = false;
  // A CR that ended the last push may be the first half of a CRLF.
  let afterCarriageReturn = false;
  let event = '';
  let id: string | undefined;
  let data: string[] = [];
  let dataLength = 0;

  const takeLine = (line: string): ServerSentEvent | undefined => {
    if (line === '') {
      const done =
        data.length > 0
          ? { event: event || 'message', data: data.join('\n'), ...(id !== undefined && { id }) }
          : undefined;
      event = '';
      data = [];
      dataLength = 0;
      return done;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    if (field === 'id' && !value.includes('\0')) id = value;
    if (field === 'data') {
      data.push(value);
      dataLength += value.length;
    }
    return undefined;
  };

  return {
    push(text) {
      // An empty piece must not make a CR before it forgotten.
      if (text === '') return [];
      let chunk = text;
      if (!started) {
        started = true;
        chunk = chunk.replace(/^\uFEFF/, '');
      }
      if (afterCarriageReturn && chunk.startsWith('\n')) chunk = chunk.slice(1);
      // One character is searched many times faster than an expression, and most servers write no other.
      const lines = chunk.includes('\r') ? chunk.split(/\r\n|\r|\n/) : chunk.split('\n');
      afterCarriageReturn = chunk.endsWith('\r');
      const events: ServerSentEvent[] = [];
      lines.forEach((part, index) => {
        // Pieces of a long line are joined once, when its end is seen.
        rest.push(part);
        restLength += part.length;
        if (restLength + dataLength > MAX_EVENT_LENGTH)
          throw new Error(`event stream: one event is longer than ${MAX_EVENT_LENGTH} characters`);
        if (index === lines.length - 1) return;
        const done = takeLine(rest.join(''));
        rest = [];
        restLength = 0;
        if (done) events.push(done);
      });
      return events;
    },
  };
}

/** The events of a response body, as they arrive; an event cut off by the end of the body is dropped. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const parser = createEventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    // Also when the reader of the events stops early: the server then sees that its caller has gone.
    await reader.cancel().catch(() => {});
  }
}
