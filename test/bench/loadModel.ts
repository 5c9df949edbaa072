/** Loads the exported model PATH of a folder as a worker does, runs nothing, and ends. */
import { type Manifest, manifestSchema } from '../../shared/model/manifest.ts';
import { loadModel } from '../../worker/session/loadModels.ts';
import { startRuntime } from '../../worker/session/runtime.ts';

const [folder, path] = process.argv.slice(2);
const runtime = startRuntime({});
await loadModel<Manifest>(runtime, folder!, path!, manifestSchema, { names: ['generate'] });
await runtime.close();
