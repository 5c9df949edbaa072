/** `POST /v1/generate`: any inputs -> any targets. */
import { createTaskRoute } from '../compute/route.ts';
import { readWish } from '../generate/read.ts';
import { generateTask } from '../generate/task.ts';
import type { Services } from '../services.ts';

export const createGenerateRoute = (services: Services) =>
  createTaskRoute(
    services,
    generateTask(services, (c) => readWish(c, services)),
  );
