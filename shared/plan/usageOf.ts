/** What a request for vectors or classes costs, as answers say it. */
import type { VectorUsage } from '../api/vectorUsage.ts';

export interface PassesAndUnits {
  readonly encoderPasses: number;
  readonly decoderPasses: number;
  readonly units: number;
}

export const usageOf = ({ encoderPasses, decoderPasses, units }: PassesAndUnits): VectorUsage => ({
  encoder_passes: encoderPasses,
  decoder_passes: decoderPasses,
  units,
});
