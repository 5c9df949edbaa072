/**
 * Calls that their callers may cancel by a message of its own, `notifications/cancelled`. It names the call by an id that
 * clients count from 0, so that a name of their session is needed as well: it is given with the answer to `initialize`,
 * and nothing is kept under it but the calls that are under way in this process.
 */
import type { EdgeContext } from '../problems.ts';
import { tenantOf } from '../tenant.ts';

const SESSION = 'mcp-session-id';

interface Message {
  readonly method?: unknown;
  readonly id?: unknown;
  readonly params?: { readonly requestId?: unknown };
}

export interface Call {
  /** Resolves when it is cancelled, and never otherwise. */
  readonly cancelled: Promise<void>;
  /** It has ended. */
  readonly end: () => void;
}

export function createCancelling() {
  const calls = new Map<string, () => void>();
  /** A call of the same caller alone; undefined where it cannot be named. */
  const nameOf = (c: EdgeContext, id: unknown): string | undefined => {
    const session = c.req.header(SESSION);
    const isNamed = session !== undefined && (typeof id === 'string' || typeof id === 'number');
    return isNamed ? JSON.stringify([tenantOf(c), c.get('key')?.key.id, session, id]) : undefined;
  };
  return {
    /** Notes a call until it ends. */
    begin(c: EdgeContext, { method, id }: Message): Call {
      const name = method === 'tools/call' ? nameOf(c, id) : undefined;
      let cancel = (): void => {};
      const cancelled = new Promise<void>((resolve) => {
        cancel = resolve;
      });
      if (name !== undefined) calls.set(name, cancel);
      const end = (): void => {
        if (name !== undefined && calls.get(name) === cancel) calls.delete(name);
      };
      return { cancelled, end };
    },
    /** Cancels the call that a message is about, if it is about one that is under way here. */
    heed(c: EdgeContext, { method, params }: Message): void {
      if (method !== 'notifications/cancelled') return;
      const name = nameOf(c, params?.requestId);
      if (name !== undefined) calls.get(name)?.();
    },
    /** The answer to `initialize` with a name of the session; any other as it is. */
    named(message: Message, answer: Response): Response {
      if (message.method !== 'initialize' || !answer.ok) return answer;
      const headers = new Headers(answer.headers);
      headers.set(SESSION, crypto.randomUUID());
      return new Response(answer.body, { status: answer.status, headers });
    },
  };
}
