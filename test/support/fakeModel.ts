/** The model of the worker that computes nothing. */
import type { Modality, Model } from '../../shared/api/models.ts';
import { FAKE_DIMENSIONS } from './fakeVectors.ts';

const picture = (name: string, input: boolean, output: boolean): Modality => ({
  name,
  modalities: output ? [`tok_${name}@64`, ...(input ? [`${name}@64`] : [])] : [`${name}@64`],
  type: 'img',
  presentation: name === 'rgb' ? 'rgb' : 'depth',
  input,
  output,
  vocabulary: 64,
  tokens: 16,
  input_size: 64,
  accepts: ['image', 'tokens'],
});

export const MODEL: Model = {
  id: 'fake',
  digest: 'd'.repeat(64),
  licence: 'Apache-2.0',
  precision: 'fp32',
  parameters: 1_000_000,
  width: FAKE_DIMENSIONS,
  modalities: [
    picture('rgb', true, true),
    picture('depth', false, true),
    picture('photo', true, false),
    {
      name: 'caption',
      modalities: ['caption'],
      type: 'seq',
      presentation: 'text',
      input: true,
      output: true,
      vocabulary: 100,
      tokens: 32,
      input_size: null,
      accepts: ['text', 'tokens'],
    },
    {
      name: 'scene_global',
      modalities: ['tok_scene_global'],
      type: 'img',
      presentation: 'vector',
      input: false,
      output: true,
      vocabulary: 64,
      tokens: 4,
      input_size: 64,
      dimensions: FAKE_DIMENSIONS,
      accepts: [],
    },
  ],
};
