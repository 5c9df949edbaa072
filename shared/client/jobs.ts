/** The client's methods for jobs: work that goes on whether or not anybody waits for it. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { ClassifyRequestBody, ClassifyResponse } from '../api/classify.ts';
import type { EmbedRequestBody, EmbedResponse } from '../api/embed.ts';
import type { GenerateRequestBody, GenerateResponse, Progress } from '../api/generate.ts';
import type { FitHeadRequestBody, Head } from '../api/heads.ts';
import type { Job, JobStatus, JobsResponse, ListedJob } from '../api/jobs.ts';
import type { Problem } from '../api/problem.ts';
import type { Call, CallOptions, Open } from './call.ts';
import type { WithFiles } from './files.ts';
import { follow } from './follow.ts';
import { ProblemError, problemFrom } from './problem.ts';

/** What can be a job: what is asked, and what it comes to. */
export interface JobTasks {
  readonly generate: {
    readonly request: WithFiles<GenerateRequestBody>;
    readonly result: GenerateResponse;
  };
  readonly embed: { readonly request: WithFiles<EmbedRequestBody>; readonly result: EmbedResponse };
  readonly classify: {
    readonly request: WithFiles<ClassifyRequestBody>;
    readonly result: ClassifyResponse;
  };
  readonly fitHead: { readonly request: WithFiles<FitHeadRequestBody>; readonly result: Head };
}
type TaskName = keyof JobTasks;

export type JobEvent<R> =
  | { readonly event: 'progress'; readonly id: string; readonly data: Progress }
  | { readonly event: 'result'; readonly id: string; readonly data: R }
  | { readonly event: 'problem'; readonly id: string; readonly data: Problem }
  | { readonly event: 'canceled'; readonly id: string; readonly data: ListedJob };

export interface JobOptions extends CallOptions {
  /** True for every file within the result, false for links alone; large files are links when left out. */
  readonly inline?: boolean;
}
export interface JobEventsOptions extends JobOptions {
  /** `id` of the last event that was seen. */
  readonly after?: string;
}
export interface JobWaitOptions extends CallOptions {
  readonly onProgress?: (progress: Progress) => void;
}

/** A job that was asked for. */
export interface JobHandle<R> {
  readonly id: string;
  /** How it stood when it was answered. */
  readonly job: Job;
  /** Its result. @throws ProblemError as it failed, or `canceled` said so; as `Client.generate` */
  wait(options?: JobWaitOptions): Promise<R>;
  /** Its events to its end; a connection that breaks is taken up where it was. */
  events(options?: JobEventsOptions): AsyncGenerator<JobEvent<R>, void, undefined>;
  cancel(options?: CallOptions): Promise<Job>;
}

export interface JobPageOptions extends CallOptions {
  readonly status?: JobStatus;
  readonly limit?: number;
  /** `next` of the page before. */
  readonly after?: string;
}

/** Every method throws as `Client.generate` does. */
export interface JobMethods {
  /** The task's address with `Prefer: respond-async`. */
  submit<T extends TaskName>(
    task: T,
    request: JobTasks[T]['request'],
    options?: CallOptions,
  ): Promise<JobHandle<JobTasks[T]['result']>>;
  /** `GET /v1/jobs/{id}`, such as one of an earlier process. */
  get<R = unknown>(id: string, options?: JobOptions): Promise<JobHandle<R>>;
  /** `GET /v1/jobs` */
  list(options?: JobPageOptions): Promise<JobsResponse>;
}

export function jobMethods(call: Call, open: Open): JobMethods {
  const A = ADDRESSES;
  const at = <K extends 'job' | 'cancelJob' | 'jobEvents'>(
    name: K,
    id: string,
    inline?: boolean,
  ) => ({
    method: A[name].method,
    path: fillPath(A[name].path, { id }) + (inline === undefined ? '' : `?inline=${inline}`),
  });

  async function* events<R>(id: string, { after, inline, ...options }: JobEventsOptions = {}) {
    for await (const event of follow(open, at('jobEvents', id, inline), options, after)) {
      yield event as JobEvent<R>;
      if (event.event !== 'progress') return;
    }
  }

  const handle = <R>(job: Job): JobHandle<R> => ({
    id: job.id,
    job,
    events: (options) => events<R>(job.id, options),
    cancel: (options) => call(at('cancelJob', job.id), options),
    async wait({ onProgress, ...options } = {}) {
      for await (const event of events<R>(job.id, options)) {
        if (event.event === 'progress') onProgress?.(event.data);
        if (event.event === 'result') return event.data;
        if (event.event === 'problem') throw new ProblemError(event.data);
        if (event.event === 'canceled') break;
      }
      throw new ProblemError(problemFrom({ title: 'The job was canceled' }, 410, job.id));
    },
  });

  return {
    async submit(task, request, options) {
      const headers = { prefer: 'respond-async' };
      return handle(await call<Job>(A[task], { ...options, headers, once: true }, request));
    },
    get: async (id, { inline, ...options } = {}) =>
      handle(await call<Job>(at('job', id, inline), options)),
    list({ status, limit, after, ...options } = {}) {
      const query = new URLSearchParams({
        ...(status && { status }),
        ...(limit !== undefined && { limit: String(limit) }),
        ...(after !== undefined && { after }),
      }).toString();
      const path = A.jobs.path + (query && `?${query}`);
      return call({ method: 'GET', path }, options);
    },
  };
}
