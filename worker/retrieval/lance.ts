/**
 * LanceDB and Apache Arrow, loaded when a collection is first used: they take 300 ms and 60 MB, which a worker
 * without collections does not pay. Both are taken through CommonJS, since LanceDB refuses tables of a second
 * copy of Arrow, which `import` would make.
 */
import { createRequire } from 'node:module';
import type * as lancedb from '@lancedb/lancedb';
import type * as arrow from 'apache-arrow';

export type { Connection, Table } from '@lancedb/lancedb';
export type { RecordBatch, Schema, Table as ArrowTable } from 'apache-arrow';

export interface Lance {
  readonly lancedb: typeof lancedb;
  readonly arrow: typeof arrow;
}

let loaded: Lance | undefined;

/** @throws Error where LanceDB has no binary for this machine */
export function loadLance(): Lance {
  if (loaded) return loaded;
  const require = createRequire(import.meta.url);
  loaded = { lancedb: require('@lancedb/lancedb'), arrow: require('apache-arrow') };
  return loaded;
}
