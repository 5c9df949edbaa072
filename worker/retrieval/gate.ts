/**
 * Who is at work on which collection, in this process. A commit that is under way while its table is deleted puts
 * part of the table back: a collection that is listed, cannot be read, and has the name. So whoever deletes one lets
 * nobody in any more, and waits for those who are there.
 */

interface Room {
  inside: number;
  isClosed: boolean;
  /** Called when the last has left. */
  emptied: () => void;
}

export interface Closed {
  /** Resolves when the last has left. */
  readonly empty: Promise<void>;
  readonly isEmpty: () => boolean;
  readonly reopen: () => void;
}

export interface Gate {
  /** @returns what is called on leaving; undefined where it is closed */
  enter(key: string): (() => void) | undefined;
  /** @returns undefined where somebody else has closed it */
  close(key: string): Closed | undefined;
  isClosed(key: string): boolean;
}

export function createGate(): Gate {
  const rooms = new Map<string, Room>();

  function roomOf(key: string): Room {
    const room = rooms.get(key) ?? { inside: 0, isClosed: false, emptied: () => {} };
    rooms.set(key, room);
    return room;
  }

  const forget = (key: string, { inside, isClosed }: Room): void => {
    if (inside === 0 && !isClosed) rooms.delete(key);
  };

  return {
    enter(key) {
      const room = roomOf(key);
      if (room.isClosed) return undefined;
      room.inside++;
      return () => {
        room.inside--;
        if (room.inside === 0) room.emptied();
        forget(key, room);
      };
    },
    close(key) {
      const room = roomOf(key);
      if (room.isClosed) return undefined;
      room.isClosed = true;
      const empty = new Promise<void>((resolve) => {
        room.emptied = resolve;
        if (room.inside === 0) resolve();
      });
      return {
        empty,
        isEmpty: () => room.inside === 0,
        reopen() {
          room.isClosed = false;
          forget(key, room);
        },
      };
    },
    isClosed: (key) => rooms.get(key)?.isClosed === true,
  };
}
