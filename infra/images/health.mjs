// `node health.mjs PORT_VARIABLE PATH`: the health check of a container, which has no curl. Ends with 0 when the
// server in it answers 200 at this path.
const [variable, path] = process.argv.slice(2);
const answer = await fetch(`http://127.0.0.1:${process.env[variable]}${path}`, {
  signal: AbortSignal.timeout(4000),
}).catch(() => undefined);
process.exit(answer?.ok ? 0 : 1);
