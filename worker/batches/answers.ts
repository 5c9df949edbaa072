/**
 * Lines -> answers, each computed once: what is under way is not asked for again, results that the API keeps are kept
 * there, and of what it does not keep the last answers are remembered here.
 */
import { sha256 } from '../../shared/results/content.ts';
import type { Ask, AskOptions } from './ask.ts';
import type { Limiter } from './inOrder.ts';
import type { Answer, LineRequest } from './lines.ts';

/** Bytes of answers that are remembered, of all batches together. */
const MOST_BYTES = 32_000_000;

async function hashOf(tenant: string, { url, body }: LineRequest): Promise<string> {
  return await sha256(new TextEncoder().encode(`${tenant} ${url} ${await sha256(body)}`));
}

/** The results of these are in the store, where every edge finds them. */
const isKept = ({ url }: LineRequest): boolean => url !== '/v1/tokenize';

/** What another batch has under way may take longer than this one has. @throws the signal's reason */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let leave = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** @param limiter so many are asked for at once, of all batches together */
export function createAnswers(ask: Ask, limiter: Limiter): Ask {
  const underWay = new Map<string, Promise<Answer>>();
  const remembered = new Map<string, Answer>();
  let bytes = 0;

  function remember(hash: string, answer: Answer): void {
    remembered.set(hash, answer);
    bytes += answer.body.length;
    for (const [oldest, { body }] of remembered) {
      if (bytes <= MOST_BYTES) break;
      remembered.delete(oldest);
      bytes -= body.length;
    }
  }

  return async (line: LineRequest, options: AskOptions): Promise<Answer> => {
    const hash = await hashOf(options.tenant, line);
    for (;;) {
      options.signal.throwIfAborted();
      const known = remembered.get(hash);
      if (known) return known;
      const equal = underWay.get(hash);
      if (!equal) break;
      const answer = await unlessAborted(
        equal.catch(() => undefined),
        options.signal,
      );
      // One that was given up, by a batch that ended, is no answer for another.
      if (answer) return answer;
    }
    const asked = limiter.run(() => ask(line, options), options.signal);
    underWay.set(hash, asked);
    try {
      const answer = await asked;
      if (!isKept(line) && answer.status === 200 && !remembered.has(hash)) remember(hash, answer);
      return answer;
    } finally {
      underWay.delete(hash);
    }
  };
}
