/** Says what a thread did during a stall: a sampling profile that runs all the time (`--profile`). */
import { type Profiler, Session } from 'node:inspector';

const SAMPLE_MICROSECONDS = 2000;
const FRAMES = 12;

/** The frames of the stack that was seen most often in the last `span` microseconds. */
function busiest(profile: Profiler.Profile, span: number): string[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])),
  );
  const stackOf = (id: number): string[] => {
    const frames: string[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = nodes.get(at)?.callFrame;
      if (!frame || frame.functionName === '(root)') continue;
      const place = frame.url.replace(/^.*\/(dist|node_modules)\//, '$1/');
      frames.push(`${frame.functionName || '(anonymous)'} ${place}:${frame.lineNumber + 1}`);
    }
    return frames.slice(0, FRAMES);
  };
  const counts = new Map<string, number>();
  let time = profile.startTime;
  for (const [i, id] of (profile.samples ?? []).entries()) {
    time += profile.timeDeltas?.[i] ?? 0;
    if (time < profile.endTime - span) continue;
    const key = stackOf(id).join('\n');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, 3);
  return sorted.flatMap(([key, count]) => [`${count} samples:`, ...key.split('\n')]);
}

/** Starts profiling; the result tells what ran in the last so many milliseconds. */
export function startProfile(): (milliseconds: number) => string[] {
  const session = new Session();
  session.connect();
  const restart = (): void => {
    session.post('Profiler.start');
  };
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROSECONDS });
  restart();
  return (milliseconds) => {
    let stack: string[] = [];
    // In one thread, the answer comes before `post` returns.
    session.post('Profiler.stop', (error, result) => {
      if (!error) stack = busiest(result.profile, milliseconds * 1000);
    });
    restart();
    return stack;
  };
}
