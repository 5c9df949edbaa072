/** `POST /v1/embed`: any inputs -> vectors. */
import { createTaskRoute } from '../compute/route.ts';
import { embedTask } from '../embed/task.ts';
import type { Services } from '../services.ts';

export const createEmbedRoute = (services: Services) =>
  createTaskRoute(services, embedTask(services));
