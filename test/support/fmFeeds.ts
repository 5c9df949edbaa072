/** Feeds for an FM's graphs from plain lists, as the tests state them. */
export {
  bools,
  decoderFeeds,
  type EncoderFeeds,
  encoderFeeds,
  longs,
  patches,
  type Row,
  range,
  type Tokens,
} from '../../worker/compare/fmFeeds.ts';
export { floatTensor } from '../../worker/compare/tensors.ts';
