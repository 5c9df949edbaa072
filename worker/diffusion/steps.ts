/** One step of denoising as plain factors, the same for every number of a picture. */

export interface DenoisingStep {
  readonly timestep: number;
  /** What is left of the picture's variance at this timestep. */
  readonly alpha: number;
  /** The next, less noisy sample as a sum of these times what there is at this step. */
  readonly next: {
    /** The clean picture as predicted. */
    readonly clean: number;
    /** The noise as predicted. */
    readonly noise: number;
    /** The sample itself. */
    readonly sample: number;
    /** New normal numbers. */
    readonly fresh: number;
  };
}
