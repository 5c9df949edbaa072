/** Entry of a pool thread. */
import { serveTasks } from './serve.ts';
import { THREAD_TASKS } from './tasks.ts';

serveTasks(THREAD_TASKS);
