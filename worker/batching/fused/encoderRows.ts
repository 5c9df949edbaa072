/** States side by side, as the `encoder` graph takes them: of each modality as many tokens in every one. */
import { fieldOf } from '../../../shared/lookup.ts';
import { contentInput, positionsName } from '../../../shared/model/graphNames.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { TokenState } from '../../engine/tokenState.ts';
import type { Tensor } from '../../session/types.ts';
import { bool, int64, joined } from './feeds.ts';

/** @param states of one composition, so that nothing is padded and `mask` hides nothing */
export function encoderRows(
  { config, modalities }: FmManifest,
  states: readonly TokenState[],
): Record<string, Tensor> {
  const rows = states.length;
  const feeds: Record<string, Tensor> = {};
  let tokens = 0;
  for (const name of config.domains_in) {
    const input = contentInput(name, fieldOf(modalities, name, 'modalities'));
    const parts = states.flatMap((state) => state.get(name) ?? []);
    const count = parts[0]?.positions.length ?? 0;
    tokens += count;
    feeds[positionsName(name)] = int64(
      [rows, count],
      parts.flatMap(({ positions }) => [...positions]),
    );
    const contents = parts.map(({ content }) => content);
    if (input.kind === 'rows') {
      const floats = contents.flatMap((part) => (part.kind === 'rows' ? [part.rows] : []));
      feeds[input.name] = joined([rows, count, input.width], floats);
    } else {
      const ids = contents.flatMap((part) => (part.kind === 'ids' ? [...part.ids] : []));
      feeds[input.name] = int64([rows, count], ids);
    }
  }
  return { ...feeds, mask: bool([rows, tokens], new Uint8Array(rows * tokens)) };
}
