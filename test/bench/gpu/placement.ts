/** Which nodes the runtime gives to the device and which to the CPU, and what it copies in between. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deviceName } from '../../../worker/session/devices.ts';
import type { GpuPart } from './randomModel.ts';

const CHILD = fileURLToPath(new URL('./loadVerbose.js', import.meta.url));

/** What the runtime says while it loads a graph. */
async function log(file: string, device: string): Promise<string> {
  const child = spawn(process.execPath, [CHILD, file, device], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      text += data.toString();
    });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}

export interface Placement {
  /** Nodes by provider, such as `CPUExecutionProvider`. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  /** Copies between devices that the runtime had to add. */
  readonly copies: readonly string[];
}

/** Reads it from a log of the lowest severity. */
export function parsePlacement(text: string): Placement {
  const nodes = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of text.split('\n')) {
    const all = /(?:All nodes|Node\(s\)) placed on \[(\w+)\]\. Number of nodes: (\d+)/.exec(line);
    if (all) {
      current = Array.from({ length: line.includes('All nodes') ? Number(all[2]) : 0 }, () => '');
      nodes.set(all[1] ?? '', current);
      continue;
    }
    const node = /VerifyEachNodeIsAssignedToAnEp\] {2,}(\w+ \(.*\))/.exec(line);
    if (node) current.push(node[1] ?? '');
  }
  const copies = [...text.matchAll(/Add (Memcpy\w+ \w+ .+) for /g)].map(([, what]) => what ?? '');
  return { nodes, copies };
}

export const placementRows: GpuPart = async function* ({ device, models, precisions, say }) {
  for (const precision of precisions) {
    const half = precision === 'fp16' && device.kind !== 'cpu' ? '.half' : '';
    const file = join(await models.exported(precision), `generate${half}.onnx`);
    const text = await log(file, deviceName(device));
    const { nodes, copies } = parsePlacement(text);
    if (nodes.size === 0) throw new Error(`the runtime told no placement: ${text.slice(-2000)}`);
    for (const [provider, list] of nodes) {
      yield {
        name: `nodes_${provider}_${precision}`,
        value: list.length,
        unit: '',
        what: `nodes of the graph that generates on ${provider}`,
      };
      if (provider.startsWith('CPU') && nodes.size > 1)
        for (const node of list) say(`on the CPU: ${node}`);
    }
    for (const copy of copies) say(`copy: ${copy}`);
    yield { name: `copies_${precision}`, value: copies.length, unit: '', what: 'copy nodes' };
  }
};
