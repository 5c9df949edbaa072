/** Holds every answer that a test gets from an edge against the route table. */
import { PROBLEMS, type ProblemCode } from '../../shared/api/problem.ts';
import { problemSchema } from '../../shared/api/problemSchema.ts';
import { problemsOf, type Route } from '../../shared/api/route.ts';
import { ROUTES } from '../../shared/api/routes.ts';

const routes: readonly Route[] = Object.values(ROUTES);

/** Whether an address is one of a route's. */
function fits({ path }: Route, address: string): boolean {
  const pattern = path.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(address);
}

/** What is wrong with an answer; undefined when the table has it. */
async function judge(
  method: string,
  address: string,
  answer: Response,
): Promise<string | undefined> {
  const here = routes.filter((route) => fits(route, address));
  const route = here.find((candidate) => candidate.method === method);
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
  if (answer.status < 300) {
    if (!route || method === 'OPTIONS') return undefined;
    if (route.isRpc && answer.status === 202) return undefined;
    return type in route.response ? undefined : `answers ${type}, which its route does not list`;
  }
  if (answer.status < 400 || method === 'HEAD') return undefined;
  const parsed = problemSchema.safeParse(await answer.json().catch(() => undefined));
  if (!parsed.success) return `answers ${answer.status} without a problem`;
  const { code, status } = parsed.data;
  if (status !== answer.status || PROBLEMS[code].status !== status)
    return `answers ${code} with ${answer.status}`;
  const listed: readonly ProblemCode[] = route
    ? problemsOf(route)
    : [here.length > 0 ? 'method_not_allowed' : 'not_found'];
  return listed.includes(code) ? undefined : `answers ${code}, which its route does not list`;
}

export interface RouteCheck {
  /** Every answer that did not fit. */
  violations(): Promise<readonly string[]>;
  /** Puts the global `fetch` back. */
  stop(): void;
}

/** Looks at every answer of the servers at these addresses, from now on. */
export function checkRoutes(origin: () => string | undefined): RouteCheck {
  const { fetch } = globalThis;
  const judged: Promise<string | undefined>[] = [];
  globalThis.fetch = async (input, init) => {
    const answer = await fetch(input, init);
    const url = new URL(input instanceof Request ? input.url : String(input));
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    if (url.origin === origin()) {
      // A stream of events may never end: only its beginning is judged.
      const copy = answer.status < 400 ? answer : answer.clone();
      judged.push(
        judge(method, url.pathname, copy).then(
          (wrong) => wrong && `${method} ${url.pathname} ${wrong}`,
        ),
      );
    }
    return answer;
  };
  return {
    violations: async () => (await Promise.all(judged)).filter((wrong) => wrong !== undefined),
    stop: () => {
      globalThis.fetch = fetch;
    },
  };
}
