/** What jobs are done with. */
import { refusal } from '../../shared/api/problem.ts';
import { present } from '../../shared/lookup.ts';
import { selectModel } from '../../shared/plan/names.ts';
import type { ServedModel } from '../tasks/servedModel.ts';
import type { Gate } from './gate.ts';
import type { Log } from './log.ts';

export interface JobServices {
  readonly gate: Gate;
  readonly log: Log;
  /** Empty until the models are loaded and warm. */
  readonly models: () => readonly ServedModel[];
  readonly isReady: () => boolean;
  readonly isStopping: () => boolean;
  /** Told of a model whose run failed for no fault of the request. */
  readonly onModelFailure: (model: ServedModel) => void;
}

/** Half a list of models would be taken for the whole one, so there is none before the worker is ready. */
export function assertServing(services: JobServices): void {
  if (services.isStopping()) throw refusal('not_ready', 'the worker is stopping');
  if (!services.isReady()) throw refusal('not_ready', 'the models are still being loaded');
}

/** The served model of a name. @throws FailureError `not_ready`, `model_not_loaded` */
export function pickModel(services: JobServices, name: string): ServedModel {
  assertServing(services);
  const models = services.models();
  const chosen = selectModel(
    name,
    models.map((model) => model.description),
  );
  return present(
    models.find((model) => model.description === chosen),
    `the model ${name}`,
  );
}
