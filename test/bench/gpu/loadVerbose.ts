/** Loads the graph FILE on DEVICE, the runtime telling all it does on standard error. */
import { InferenceSession } from 'onnxruntime-node';
import { parseDevice, providerOf } from '../../../worker/session/devices.ts';

const [file = '', name = ''] = process.argv.slice(2);
const device = parseDevice(name);
if (!device) throw new Error(`${name} is no device`);
const session = await InferenceSession.create(file, {
  executionProviders: [providerOf(device)],
  logSeverityLevel: 0,
});
await session.release();
