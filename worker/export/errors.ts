/** A checkpoint cannot be exported: the message names the file and the tensor or config key at fault. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
  readonly reason: ExportProblem;
  constructor(reason: ExportProblem, problem: string, options?: ErrorOptions) {
    super(problem, options);
    this.reason = reason;
  }
}

export type ExportProblem =
  | 'pickle'
  | 'not_a_checkpoint'
  | 'config'
  | 'unsupported'
  | 'missing_tensor'
  | 'wrong_shape'
  | 'unused_tensor'
  | 'not_finite'
  | 'vocabulary'
  | 'output_exists'
  | 'disk_full'
  | 'cannot_write'
  | 'check_failed';
