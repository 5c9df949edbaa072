/** Changes of a picture's size: patches into channels and back, and nearest neighbours. */
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';

/** [H, W] of (B, C, H, W) */
export const sizeOf = (module: Module, name: string, x: Value): Value =>
  module.node(name, 'Shape', [x], { start: 2, end: 4 });

/** (B, C, H*side, W*side) -> (B, C*side*side, H, W); channels vary slowest, then rows, then columns. */
export function foldPatches(module: Module, x: Value, channels: number, side: number): Value {
  const { graph } = module;
  const size = sizeOf(module, 'size', x);
  const grid = module.node('grid', 'Div', [size, graph.int64([side])]);
  const [rows, columns] = module.nodes('grid/sides', 'Split', [grid], 2, {
    axis: 0,
    num_outputs: 2,
  });
  const shape = (name: string, ...parts: Value[]) =>
    module.node(name, 'Concat', [graph.int64([0]), ...parts], { axis: 0 });
  const sides = graph.int64([side]);
  const splitShape = shape('split_shape', graph.int64([channels]), rows, sides, columns, sides);
  const split = module.node('split', 'Reshape', [x, splitShape]); // (B, C, H, P, W, P)
  const turned = module.node('turned', 'Transpose', [split], { perm: [0, 1, 3, 5, 2, 4] });
  const foldedShape = shape('folded_shape', graph.int64([channels * side * side]), grid);
  return module.node('folded', 'Reshape', [turned, foldedShape]);
}

/** (B, C*side*side, H, W) -> (B, C, H*side, W*side), the inverse of `foldPatches`. */
export const unfoldPatches = (module: Module, x: Value, side: number): Value =>
  module.node('unfolded', 'DepthToSpace', [x], { blocksize: side, mode: 'CRD' });

/** Every pixel as two by two. x (B, C, H, W) -> (B, C, 2H, 2W) */
export const doubled = (module: Module, x: Value): Value =>
  module.node('doubled', 'Resize', [x, '', module.graph.float32([1, 1, 2, 2])], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });

/**
 * torch's `F.interpolate(mode='nearest')`: pixel i of the result is pixel floor(i * from / to), in float32.
 * @param x (B, C, H, W)
 * @param size [H', W']
 */
export function nearest(module: Module, x: Value, size: Value): Value {
  const { graph } = module;
  const sides = (name: string, value: Value) =>
    module.nodes(name, 'Split', [value], 2, { axis: 0, num_outputs: 2 });
  const [height, width] = sides('given', sizeOf(module, 'given/size', x));
  const [toHeight, toWidth] = sides('wanted', size);
  const pick = (name: string, from: Value, to: Value): Value => {
    const axisModule = module.at(name);
    const real = (part: string, value: Value) =>
      axisModule.node(part, 'Cast', [value], { to: ELEMENT_TYPES.float32 });
    const scale = axisModule.node('scale', 'Div', [real('given', from), real('wanted', to)]);
    const count = axisModule.node('count', 'Squeeze', [to]);
    const places = axisModule.node('places', 'Range', [graph.int64(0), count, graph.int64(1)]);
    const positions = axisModule.node('positions', 'Mul', [real('places/real', places), scale]);
    const floors = axisModule.node('floors', 'Floor', [positions]);
    return axisModule.node('indices', 'Cast', [floors], { to: ELEMENT_TYPES.int64 });
  };
  const pickedRows = pick('rows', height, toHeight);
  const pickedColumns = pick('columns', width, toWidth);
  const rows = module.node('rows', 'Gather', [x, pickedRows], { axis: 2 });
  return module.node('columns', 'Gather', [rows, pickedColumns], { axis: 3 });
}
