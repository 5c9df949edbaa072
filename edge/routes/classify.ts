/** `POST /v1/classify`: inputs -> classes. `POST /v1/heads`: labelled examples -> a head. */
import { createTaskRoute } from '../compute/route.ts';
import { classifyTask } from '../heads/classify.ts';
import { fitHeadTask } from '../heads/fit.ts';
import type { Services } from '../services.ts';

export const createClassifyRoutes = (services: Services) => ({
  classify: createTaskRoute(services, classifyTask(services)),
  fitHead: createTaskRoute(services, fitHeadTask(services)),
});
