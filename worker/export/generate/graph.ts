/** The graph that a worker generates with: one run a decoding step, see `generateSignature`. */
import { itemAt, present, valueAt } from '../../../shared/lookup.ts';
import type { FmConfig } from '../../../shared/model/config.ts';
import { cacheNames, cacheType } from '../../../shared/model/graphNames.ts';
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import { generateSignature } from '../../../shared/model/signature.ts';
import { type Carried, createGraph, type GraphBuilder, type Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import { filtersOf } from '../blocks/sampling.ts';
import { rootModule } from '../module.ts';
import type { Weights } from '../weights.ts';
import { contextKeyValues } from './contextKeyValues.ts';
import { decode, logitPads, predict } from './decoder.ts';
import { nextIds, nobodyDone } from './sequenceEnds.ts';
import { encodeStates } from './states.ts';
import { decoderMasks, decoderMiddles, targetTokens } from './targets.ts';

/**
 * Weights lie outside of the loop, whose body is one level deep: so the runtime prepares them once, and
 * they are in memory once for pictures and for sequences.
 */
export function generateGraph(
  config: FmConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  weights: Weights,
): GraphBuilder {
  const signature = generateSignature(config, modalities, weights.precision);
  const graph = createGraph('fm generate', signature);
  const root = rootModule(graph, weights);
  // What is passed by where there is nothing of it: the loop, the encoder, the context's keys and values.
  const filled = rootModule(graph, weights, { isFilled: true });
  const { features, context } = encodeStates(root, filled, config, modalities); // (N, D)
  graph.output('features', features);
  graph.output('context', context);
  const keyValues = contextKeyValues(root, filled, context, config);
  const masks = decoderMasks(root);
  // Rows of the decoder are as many in all of its layers, and at every token.
  const decoding = rootModule(graph, weights, {
    isFilled: true,
    ...(weights.precision === 'int8' && { middles: decoderMiddles(root) }),
  });
  const heads = {
    targets: config.domains_out,
    pads: logitPads(root, config.domains_out, modalities),
    filters: filtersOf(root.at('sampling'), {
      topKMost: graph.input('top_k_most'),
      topP: graph.input('top_p'),
    }),
  };

  const layers = config.decoder_depth;
  // Kept as halves, but computed with in float32: widened once a run, not at every token.
  const isWidened = cacheType(weights.precision) === 'float16' && weights.form !== 'half';
  const cast = (name: string, x: Value, to: 'float16' | 'float32') =>
    isWidened ? root.node(name, 'Cast', [x], { to: ELEMENT_TYPES[to] }) : x;
  const namesOf = (side: Parameters<typeof cacheNames>[0]) =>
    cacheNames(side, layers).flatMap(({ key, value }) => [key, value]);
  const caches = namesOf('cache');
  const contextCaches = namesOf('context_cache');
  const givenCaches = new Map(
    [...caches, ...contextCaches].map((name) => [
      name,
      cast(`${name}/wide`, graph.input(name), 'float32'),
    ]),
  );
  const ownContext = keyValues.flatMap(({ key, value }) => [key, value]);
  for (const [i, name] of namesOf('context_next').entries()) {
    const own = itemAt(ownContext, i, 'keys and values of the context');
    graph.output(name, cast(`${name}/half`, own, 'float16'));
  }
  const given = (name: string) => valueAt(givenCaches, name, 'caches before the run');
  const carried: Carried[] = [
    { name: 'ids', value: graph.input('ids'), type: 'int64', dims: ['g', 'loop_ids'] },
    { name: 'done', value: nobodyDone(root), type: 'bool', dims: ['P'] },
    {
      name: 'states',
      value: root.node('no_states', 'Slice', [
        graph.input('kept_states'),
        graph.int64([0]),
        graph.int64([0]),
      ]),
      type: 'float32',
      dims: ['loop_q', config.dim],
    },
    // What is written in this run; what came before stays where it is.
    ...caches.map((name) => ({
      name,
      value: root.node(`${name}/none`, 'Slice', [
        given(name),
        graph.int64([0]),
        graph.int64([0]),
        graph.int64([2]),
      ]),
      type: weights.form === 'half' ? ('float16' as const) : ('float32' as const),
      dims: ['u', config.num_heads, `loop_${name}`, config.dim / config.num_heads],
    })),
  ];
  const yes = root.node('yes', 'Equal', [graph.int64(0), graph.int64(0)]);
  const outputs = graph.loop(
    '/generate',
    graph.input('iterations'),
    yes,
    carried,
    (iteration, states) => {
      const [ids, done, , ...cached] = states;
      const pairs = (values: readonly Value[]) =>
        keyValues.map((_, layer) => ({
          key: itemAt(values, 2 * layer, 'caches'),
          value: itemAt(values, 2 * layer + 1, 'caches'),
        }));
      const sources = {
        context: keyValues,
        keptContext: pairs(contextCaches.map(given)),
        past: pairs(caches.map(given)),
        recent: pairs(cached),
      };
      const written = present(ids, 'the last ids of the loop');
      const tokens = targetTokens(filled, config, modalities, written, iteration);
      const decoded = decode(decoding, config, tokens, sources, masks);
      const flat = root.node('decoded/flat', 'Reshape', [decoded.y, graph.int64([-1, config.dim])]); // (B*m, D)
      const all = root.node('all_states', 'Concat', [flat, graph.input('kept_states')], {
        axis: 0,
      });
      const drawn = predict(filled, config, modalities, all, iteration, heads);
      const next = nextIds(root, drawn.ids, present(done, 'what is done in the loop'));
      return {
        going: next.going,
        carried: [
          next.ids,
          next.done,
          flat,
          ...decoded.caches.flatMap(({ key, value }) => [key, value]),
        ],
        collected: [drawn.ids, drawn.confidence, drawn.likelihood],
      };
    },
  );
  const [, , states, ...rest] = outputs;
  graph.output('states', present(states, 'the states of the loop'));
  for (const [i, next] of namesOf('next').entries()) {
    const written = cast(`${next}/half`, itemAt(rest, i, 'caches of the loop'), 'float16');
    graph.output(next, written);
  }
  for (const [i, name] of ['generated', 'confidence', 'likelihood'].entries())
    graph.output(name, itemAt(rest, caches.length + i, 'outputs of the loop'));
  return graph;
}
