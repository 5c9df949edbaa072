/**
 * The runtime's thread. onnxruntime runs a graph synchronously, so it lives here, away from the event
 * loop that answers requests; one thread serves all graphs of a model set, one run at a time.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, listSupportedBackends, Tensor as RuntimeTensor } from 'onnxruntime-node';
import type { Dimension, TensorSignature, TensorType } from '../../shared/model/signature.ts';
import { CPU, DEVICES, deviceName, providerOf } from './devices.ts';
import type { ThreadOptions, ThreadReply, ThreadRequest, ThreadResult } from './messages.ts';
import { createRowStore } from './rows.ts';
import type { Tensor } from './types.ts';

const port = parentPort;
if (!port) throw new Error('thread.ts has to run in a worker thread');
const { threads, device = CPU } = workerData as ThreadOptions;
/**
 * Threads that wait for their next part look out for it for a moment only, and not at all between two runs: they
 * would take the processor from whoever else works meanwhile, such as a tokenizer's thread or the edge.
 */
const THREADS_CONFIG = {
  session: { force_spinning_stop: '1', intra_op: { spin_duration_us: '30' } },
};
/** Weights stay mapped from their file, neither rearranged nor copied. */
const TRANSIENT_OPTIONS: InferenceSession.SessionOptions = {
  enableCpuMemArena: false,
  enableMemPattern: false,
};
const TRANSIENT_CONFIG = { session: { ...THREADS_CONFIG.session, disable_prepacking: '1' } };
const sessions = new Map<string, InferenceSession>();
const rows = createRowStore();

function sessionOf(graph: string): InferenceSession {
  const session = sessions.get(graph);
  if (!session) throw new Error(`graph ${graph} is not loaded`);
  return session;
}

const isOurType = (type: string): type is TensorType =>
  type === 'float32' || type === 'float16' || type === 'int64' || type === 'bool';

function declared(values: readonly InferenceSession.ValueMetadata[]): TensorSignature[] {
  return values.map((value) => {
    if (!value.isTensor || !isOurType(value.type))
      throw new Error(`${value.name} is not a tensor of float32, float16, int64 or bool`);
    return { name: value.name, type: value.type, dims: value.shape as readonly Dimension[] };
  });
}

const toRuntime = ({ type, data, dims }: Tensor): RuntimeTensor =>
  new RuntimeTensor(type, data, [...dims]);

/** Values in a buffer of their own, which can be given away. */
function owned<T extends ArrayBufferView & { slice(): T }>(values: T): T {
  return values.byteLength === values.buffer.byteLength ? values : values.slice();
}

/** A runtime that has 16-bit floats of its own gives them as these. */
const bitsOf = ({
  buffer,
  byteOffset,
  byteLength,
}: ArrayBufferView): Uint16Array<ArrayBufferLike> =>
  new Uint16Array(buffer, byteOffset, byteLength / 2);

/** Outputs as they lie in the runtime's memory, to be copied from. */
const tensorsOf = (names: readonly string[], results: InferenceSession.OnnxValueMapType) =>
  Object.fromEntries(
    names.map((name) => {
      const { type, dims, data } = results[name] as RuntimeTensor;
      const values = type === 'float16' ? bitsOf(data as ArrayBufferView) : data;
      return [name, { type, dims, data: values } as Tensor];
    }),
  );

function fromRuntime({ type, data, dims }: RuntimeTensor): Tensor {
  if (type === 'float32') return { type, dims, data: owned(data as Float32Array) };
  if (type === 'float16') return { type, dims, data: owned(bitsOf(data as ArrayBufferView)) };
  if (type === 'int64') return { type, dims, data: owned(data as BigInt64Array) };
  if (type === 'bool') return { type, dims, data: owned(data as Uint8Array) };
  throw new Error(`the graph gave a tensor of ${type}`);
}

/** @throws Error where the runtime lacks the device: it would take another one and only warn */
function executionProvider(): InferenceSession.ExecutionProviderConfig {
  const { provider } = DEVICES[device.kind];
  const available = listSupportedBackends().map(({ name }) => name);
  if (!available.includes(provider)) {
    const has = available.join(', ');
    throw new Error(`this onnxruntime has no provider for ${deviceName(device)}; it has ${has}`);
  }
  return providerOf(device);
}

/** @throws Error that names the device where it is one that may be missing */
async function createSession(file: string, isTransient: boolean): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(file, {
      executionProviders: [executionProvider()],
      // Fatal only: an error comes back to the caller, who decides what to log.
      logSeverityLevel: 4,
      ...(threads !== undefined && { intraOpNumThreads: threads }),
      extra: isTransient ? TRANSIENT_CONFIG : THREADS_CONFIG,
      ...(isTransient && TRANSIENT_OPTIONS),
    });
  } catch (cause) {
    if (device.kind === 'cpu' || !(cause instanceof Error)) throw cause;
    throw new Error(`it cannot be loaded on ${deviceName(device)}: ${cause.message}`, { cause });
  }
}

async function answer(request: ThreadRequest): Promise<ThreadResult> {
  switch (request.kind) {
    case 'load': {
      if (sessions.has(request.graph)) throw new Error(`graph ${request.graph} is loaded already`);
      const session = await createSession(request.file, request.transient === true);
      sessions.set(request.graph, session);
      return {
        kind: 'loaded',
        declared: {
          inputs: declared(session.inputMetadata),
          outputs: declared(session.outputMetadata),
        },
      };
    }
    case 'run': {
      const { rowFeeds = [], keepRows = [] } = request;
      const kept = keepRows.flatMap(({ names }) => names);
      const started = performance.now();
      const all = Object.assign({}, request.feeds, ...rowFeeds.map(rows.feeds));
      const feeds = Object.fromEntries(
        Object.entries<Tensor>(all).map(([name, tensor]) => [name, toRuntime(tensor)]),
      );
      const results = await sessionOf(request.graph).run(feeds, [...request.outputs, ...kept]);
      for (const keep of keepRows) rows.keep(keep, tensorsOf(keep.names, results));
      const milliseconds = performance.now() - started;
      const tensors = Object.fromEntries(
        request.outputs.map((name) => [name, fromRuntime(results[name] as RuntimeTensor)]),
      );
      return { kind: 'outputs', tensors, milliseconds };
    }
    case 'forget': {
      rows.forget(request.rows);
      return { kind: 'forgotten' };
    }
    case 'release': {
      await sessionOf(request.graph).release();
      sessions.delete(request.graph);
      return { kind: 'released' };
    }
    case 'end': {
      for (const session of sessions.values()) await session.release();
      sessions.clear();
      return { kind: 'ending' };
    }
  }
}

const buffersOf = (result: ThreadResult): ArrayBuffer[] =>
  result.kind === 'outputs'
    ? Object.values(result.tensors).map((tensor) => tensor.data.buffer as ArrayBuffer)
    : [];

// Requests are answered in order: a release must not overtake a run.
let last: Promise<void> = Promise.resolve();
port.on('message', (request: ThreadRequest) => {
  last = last.then(async () => {
    try {
      const result = await answer(request);
      port.postMessage(
        { id: request.id, ok: true, result } satisfies ThreadReply,
        buffersOf(result),
      );
      // Nothing else keeps the thread: it ends by itself, with no run cut short.
      if (result.kind === 'ending') port.close();
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      port.postMessage({ id: request.id, ok: false, error } satisfies ThreadReply);
    }
  });
});
