/** Files cannot be pulled: the message names the repository or file, and what to do about it. */
export class HubError extends Error {
  override readonly name = 'HubError';
  readonly reason: HubProblem;
  constructor(reason: HubProblem, problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.reason = reason;
  }
}

export type HubProblem =
  | 'not_found'
  | 'access'
  | 'pickle'
  | 'not_a_checkpoint'
  | 'digest'
  | 'network'
  | 'disk'
  | 'busy'
  | 'response';
