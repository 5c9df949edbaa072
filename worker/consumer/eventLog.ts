/** The progress of one run, kept so that whoever comes later, or comes back, sees what he has missed. */
import type { Progress } from '../../shared/api/generate.ts';
import { type LoggedProgress, parseEventId } from '../../shared/jobs/progress.ts';

export interface EventLog {
  readonly add: (progress: Progress) => void;
  /** The last one, without its picture. */
  readonly last: () => LoggedProgress | undefined;
  /** No more will come. */
  readonly end: () => void;
  /** What came behind an id, and what comes; all of it where the id is an earlier attempt's, nothing where a later one's. */
  readonly read: (
    after: string | undefined,
    signal: AbortSignal,
  ) => AsyncGenerator<LoggedProgress, void, undefined>;
}

/** Events of a run that keep their pictures: the others are told without them. */
const PICTURES = 16;

function withoutPicture({
  id,
  progress: { preview: _, outputs: __, ...progress },
}: LoggedProgress): LoggedProgress {
  return { id, progress };
}

export function createEventLog(attempt: number): EventLog {
  const events: LoggedProgress[] = [];
  const withPictures: number[] = [];
  let isOver = false;
  let listeners = new Set<() => void>();

  function tell(): void {
    const told = listeners;
    listeners = new Set();
    for (const resume of told) resume();
  }

  const news = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const resume = (): void => {
        listeners.delete(resume);
        signal.removeEventListener('abort', resume);
        resolve();
      };
      listeners.add(resume);
      signal.addEventListener('abort', resume, { once: true });
    });

  /** The oldest picture goes when there are too many. */
  function dropPicture(): void {
    const index = withPictures.length > PICTURES ? withPictures.shift() : undefined;
    const event = index === undefined ? undefined : events[index];
    if (index === undefined || !event) return;
    events[index] = withoutPicture(event);
  }

  return {
    add(progress) {
      if (progress.preview !== undefined || progress.outputs) withPictures.push(events.length);
      events.push({ id: `${attempt}-${events.length + 1}`, progress });
      dropPicture();
      tell();
    },
    last() {
      const event = events.at(-1);
      return event && withoutPicture(event);
    },
    end() {
      isOver = true;
      tell();
    },
    async *read(after, signal) {
      const [of = 0, number = 0] = parseEventId(after) ?? [];
      if (of > attempt) return;
      let next = of === attempt ? number : 0;
      while (!signal.aborted) {
        const event = events[next];
        if (event) {
          next++;
          yield event;
        } else if (isOver) return;
        else await news(signal);
      }
    },
  };
}
