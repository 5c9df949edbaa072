/**
 * What the threads of the pool can do, by name. Arguments and results are copied between threads: they are
 * plain values and typed arrays, and large results should be typed arrays, which are handed over instead.
 */

import { HEAD_TASKS } from '../heads/threadTasks.ts';
import { parseJob } from '../jobs/parseJob.ts';
import { PRESENTATION_TASKS } from '../presentations/threadTasks.ts';
import { importRows } from '../values/importRows.ts';
import { nearest } from '../values/nearest.ts';

export const THREAD_TASKS = {
  parseJob,
  nearest,
  importRows,
  ...HEAD_TASKS,
  ...PRESENTATION_TASKS,
} as const;

export type ThreadTasks = typeof THREAD_TASKS;
