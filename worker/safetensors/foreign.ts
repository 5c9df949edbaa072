/** Names the files that are most often taken for safetensors, by how they begin. */
import { basename } from 'node:path';

/** Why a pickle is refused, and the way out. */
export function pickleProblem(file: string): string {
  const stem = basename(file).replace(/\.[^.]*$/, '');
  return `a PyTorch pickle. Pickles run code when they are read, so it is refused. Convert it once, with Python (docs/models.md):
  import torch, safetensors.torch as st; c = torch.load(${JSON.stringify(basename(file))}, map_location="cpu", weights_only=True)
  st.save_file({k: v.contiguous().clone() for k, v in c.get("model", c).items()}, ${JSON.stringify(`${stem}-converted.safetensors`)})`;
}

const LFS_PROBLEM =
  'a Git LFS pointer, not the file it points to; fetch that with `git lfs pull`, or download it from the hub';
const PAGE_PROBLEM = 'a web page saved in place of the file; download the file itself';

/** How many bytes `foreignFormat` looks at. */
export const TELLING_BYTES = 64;

/**
 * @param start the first bytes of a file that is not well-formed
 * @returns what the file is instead, where that can be told
 */
export function foreignFormat(file: string, start: Uint8Array): string | undefined {
  const text = new TextDecoder('latin1').decode(start.subarray(0, TELLING_BYTES));
  // Since version 1.6 a zip archive with a pickle inside, before that the pickle itself.
  if (text.startsWith('PK\x03\x04')) return pickleProblem(file);
  if (start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5) return pickleProblem(file);
  if (text.startsWith('version https://git-lfs')) return LFS_PROBLEM;
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)/i.test(text)) return PAGE_PROBLEM;
  return undefined;
}
