/** Which sequences have ended, and what the others go on from. */
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';

/** bool (P), false: what a loop begins with. */
export function nobodyDone(root: Module): Value {
  const predictions = root.graph.input('temperature');
  const zeros = root.node('nobody_done/zeros', 'Sub', [predictions, predictions]);
  return root.node('nobody_done', 'Cast', [zeros], { to: ELEMENT_TYPES.bool });
}

/**
 * @param drawn int64 (P)
 * @param done bool (P), before these were drawn
 * @returns the last ids of the decoder's rows, int64 (g, 1); who is done, bool (P); whether somebody is not, bool scalar
 */
export function nextIds(
  root: Module,
  drawn: Value,
  done: Value,
): { readonly ids: Value; readonly done: Value; readonly going: Value } {
  const { graph } = root;
  const column = root.node('ends/ids', 'Unsqueeze', [drawn, graph.int64([1])]);
  const equal = root.node('ends/equal', 'Equal', [column, graph.input('stops')]); // (P, s)
  const each = root.node('ends/each', 'Cast', [equal], { to: ELEMENT_TYPES.int64 });
  const ends = root.node('ends', 'ReduceMax', [each, graph.int64([1])], { keepdims: 0 }); // (P)
  const isEnd = root.node('ends/any', 'Greater', [ends, graph.int64(0)]);
  const nowDone = root.node('done', 'Or', [done, isEnd]);
  const numbers = root.node('done/number', 'Cast', [nowDone], { to: ELEMENT_TYPES.int64 });
  const open = root.node('open', 'ReduceMin', [numbers], { keepdims: 0 });
  const rows = root.node('next_ids/rows', 'Gather', [drawn, graph.input('group')], { axis: 0 });
  return {
    ids: root.node('next_ids', 'Unsqueeze', [rows, graph.int64([1])]),
    done: nowDone,
    going: root.node('going', 'Equal', [open, graph.int64(0)]),
  };
}
