/** Sends requests that follow from a seed to a running product, and gathers what it should not have answered. */
import { type Modality, modelsResponseSchema } from '../../shared/api/models.ts';
import type { Place } from '../security/place.ts';
import { createWorld, json } from '../security/world.ts';
import { createCases, type FuzzCase } from './cases.ts';
import { judge } from './judge.ts';
import { type Document, readOperations } from './operations.ts';
import type { Known } from './plausible.ts';

export interface FuzzReport {
  readonly sent: number;
  /** `operation status` -> how often. */
  readonly statuses: ReadonlyMap<string, number>;
  /** `operation code` of problems -> how often. */
  readonly problems: ReadonlyMap<string, number>;
  /** What was wrong, with a request that shows it and what was logged of it; one of each kind. */
  readonly faults: ReadonlyMap<string, string>;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  readonly atOnce?: number;
}

/** Faults of one kind share these words. */
const kindOf = (fault: string): string =>
  fault.replaceAll(/"[^"]*"|[0-9a-f-]{8,}|\d+/g, '#').slice(0, 120);

const showOf = ({ operation, kind, asked }: FuzzCase): string => {
  const { method, path, headers, body } = asked;
  const text =
    body === undefined
      ? ''
      : typeof body === 'string'
        ? body
        : Buffer.from(body).toString('latin1');
  return `${kind} ${operation.id}: ${method} ${path} ${JSON.stringify(headers)} ${text.slice(0, 1500)}`;
};

/** Lines of the log that are told of one request at most, and characters of each. */
const MOST_LINES = 5;
const MOST_CHARACTERS = 1000;

interface Fault {
  readonly said: string;
  readonly requestId: string | undefined;
}

/** Says why beside what: the lines that edge and worker have logged of a request. */
async function explained(
  place: Place,
  faults: ReadonlyMap<string, Fault>,
): Promise<Map<string, string>> {
  const lines = faults.size === 0 ? [] : (await place.printed()).split('\n');
  const loggedOf = (id: string): string[] =>
    lines
      .filter((line) => line.includes(id))
      .slice(0, MOST_LINES)
      .map((line) => `\n    ${line.slice(0, MOST_CHARACTERS)}`);
  return new Map(
    [...faults].map(([kind, { said, requestId }]) => [
      kind,
      said + (requestId === undefined ? '' : loggedOf(requestId).join('')),
    ]),
  );
}

/** Something of everything that requests can name. */
async function knownOf(place: Place): Promise<Known> {
  const world = createWorld(place, place.keys.one);
  const { models } = modelsResponseSchema.parse(
    JSON.parse((await world.ok({ path: '/v1/models' })).text),
  );
  const modalities = models.flatMap((model) => model.modalities);
  const namesOf = (fits: (modality: Modality) => boolean): string[] => [
    ...new Set(modalities.filter(fits).map(({ name }) => name)),
  ];
  const collection = await world.collection();
  const seen = { name: `seen-${Date.now().toString(36)}`, embedding: { kind: 'features' } };
  await world.ok(json('POST', '/v1/collections', seen));
  const [job, batch] = [await world.toldJob(), await world.toldBatch()];
  const waiting = JSON.parse(
    (await world.ok(json('POST', '/v1/uploads', { content_type: 'image/png' }))).text,
  ).id;
  return {
    models: models.map(({ id }) => id),
    inputs: modalities
      .filter(({ input }) => input)
      .map(({ name, accepts, tokens, vocabulary }) => ({
        name,
        accepts,
        tokens,
        vocabulary: vocabulary ?? 0,
      })),
    targets: namesOf(({ output }) => output),
    embeddings: namesOf(({ dimensions }) => dimensions !== undefined),
    collections: [collection, seen.name],
    heads: [await world.head()],
    uploads: [await world.upload(), waiting],
    refs: [await world.ref()],
    jobs: [job.id],
    batches: [batch.id],
    events: [job.event, batch.event],
    results: [await world.newResult()],
    items: [await world.item()],
  };
}

/** Operations of which every valid request takes from the others what they name. */
const DESTRUCTIVE = /^delete/;

/** Operations that take seconds of processors each time: they are asked for once in so many turns of the others. */
const PAINTING: ReadonlySet<string> = new Set(['imageGenerations', 'imageEdits']);
const PAINTED_IN = 4;

/** The next one, where there is one. */
function* take<T>(from: Generator<T>): Generator<T> {
  const { done, value } = from.next();
  if (!done) yield value;
}

export async function fuzz(
  place: Place,
  { seed, count, atOnce = 8 }: FuzzOptions,
): Promise<FuzzReport> {
  const document = JSON.parse((await place.as(null, { path: '/openapi.json' })).text) as Document;
  const known = await knownOf(place);
  // What deletes is asked for names that nobody has, but for one time.
  const gone = {
    ...known,
    collections: ['gone'],
    heads: ['gone'],
    uploads: [`upload_${'0'.repeat(32)}`],
  };
  const operations = readOperations(document);
  const statuses = new Map<string, number>();
  const faults = new Map<string, Fault>();
  const problems = new Map<string, number>();
  const keeping = operations.filter(({ id }) => !DESTRUCTIVE.test(id));
  const deleting = operations.filter(({ id }) => DESTRUCTIVE.test(id));
  const share = Math.round((count * deleting.length) / operations.length);
  const seldom = keeping.filter(({ id }) => PAINTING.has(id));
  const often = keeping.filter(({ id }) => !PAINTING.has(id));
  const painted = Math.round(((count - share) * seldom.length) / keeping.length / PAINTED_IN);
  function* all(): Generator<FuzzCase> {
    const painting = createCases(document, known)(seldom, seed, painted);
    const others = count - share - painted;
    let turn = 0;
    for (const own of createCases(document, known)(often, seed, others)) {
      // Spread over the others, so that these go on while a picture is waited for.
      if (turn++ % Math.ceil(others / Math.max(1, painted)) === 0) yield* take(painting);
      yield own;
    }
    yield* painting;
    yield* createCases(document, gone)(deleting, seed, share);
  }
  const cases = all();
  let sent = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const own of cases) {
        const answer = await place.as(place.keys.one, own.asked);
        sent++;
        const what = `${own.operation.id} ${answer.status}`;
        statuses.set(what, (statuses.get(what) ?? 0) + 1);
        const [, code] = /"code":"(\w+)"/.exec(answer.status < 400 ? '' : answer.text) ?? [];
        const problem = `${own.operation.id} ${code}`;
        if (code !== undefined) problems.set(problem, (problems.get(problem) ?? 0) + 1);
        const fault = judge(own, answer);
        if (fault === undefined) continue;
        const kind = `${own.operation.id} ${kindOf(fault)}`;
        const requestId = answer.headers['x-request-id'];
        if (!faults.has(kind))
          faults.set(kind, { said: `${fault}\n    ${showOf(own)}`, requestId });
      }
    }),
  );
  return { sent, statuses, problems, faults: await explained(place, faults) };
}
