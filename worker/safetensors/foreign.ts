/** Names the files that are most often taken for safetensors, by how they begin. */
import { basename, dirname, join } from 'node:path';

/**
 * Why a pickle is refused, and the way out: lines for a shell, which can be pasted as they are. Trainers
 * store their arguments beside the weights, as an `argparse.Namespace`, which PyTorch reads only when told
 * that it is safe; that needs version 2.5 or newer.
 */
export function pickleProblem(file: string): string {
  const stem = basename(file).replace(/\.[^.]*$/, '');
  const converted = join(dirname(file), `${stem}-converted.safetensors`);
  return `a PyTorch pickle. Pickles run code when they are read, so it is refused. Convert it once, where you trust it, with Python and PyTorch 2.5 or newer:

python3 -m pip install torch safetensors
python3 - <<'END'
import argparse, torch, safetensors.torch
with torch.serialization.safe_globals([argparse.Namespace]):
    saved = torch.load(${JSON.stringify(file)}, map_location="cpu", weights_only=True)
weights = saved.get("model", saved.get("state_dict", saved))
weights = {name: value.contiguous().clone() for name, value in weights.items() if torch.is_tensor(value)}
safetensors.torch.save_file(weights, ${JSON.stringify(converted)})
print(saved.get("args", "the file holds no arguments of its training"))
END

Then put config.json beside it, with the keys that docs/models.md lists (the training's arguments, printed last, name the modalities and the size), and export ${converted}`;
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
  const [first, version = 0] = start;
  if (first === 0x80 && version >= 2 && version <= 5) return pickleProblem(file);
  if (text.startsWith('version https://git-lfs')) return LFS_PROBLEM;
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)/i.test(text)) return PAGE_PROBLEM;
  return undefined;
}
