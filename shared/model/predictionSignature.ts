/** What graphs that predict are told of predictions: guidance, heads, sampling, and where sequences go on. */
import { bool, float, int64, type TensorSignature } from './tensorSignature.ts';

/** See `generateSignature`. @param targets how many modalities the graph has heads of */
export const predictionInputs = (targets: number): readonly TensorSignature[] => [
  int64('combine_index', 'P', 'c'),
  float('combine_weight', 'P', 'c'),
  int64('head_counts', targets),
  bool('vocabulary', 0, 'V'),
  float('temperature', 'P'),
  int64('top_k', 'P'),
  int64('top_k_most', 1),
  float('top_p', 'P'),
  int64('iterations'),
  float('draws', 'i', 'P'),
  int64('group', 'g'),
  int64('stops', 'P', 's'),
];
