"""Held-out numbers while training: texts and pictures from pixels, boxes from words, a picture from boxes and layout.

  python check.py DATA OUT [SCENES]
"""
import sys
import numpy as np
import torch
import data as D, tokenizers as T, model as M

@torch.no_grad()
def check(m, folder, n=48):
    """-> one line. Token accuracies are of one pass from pixels; the texts are exact matches."""
    was, out = m.training, []
    m.eval()
    test = D.Data(folder, 0, ("test",))
    idx = np.arange(n)
    x = [M.rgb_input(m, test.pick(test.rgb, idx))]
    text = lambda mod: [test.words(mod, i) for i in idx]
    shown = lambda mod: (mod,) + D.pack(text(mod))
    def exact(given, mod):
        got = M.gen_text(m, given, mod).tolist()
        return sum(g[:g.index(T.EOS) + 1] == w for g, w in zip((g + [T.EOS] for g in got), text(mod))), got
    with torch.autocast("cpu", torch.bfloat16):
        for mod in D.SEQS:
            right, got = exact(x, mod)
            out.append(f"{mod} {right}/{n}")
            if mod == "metadata":
                out.append(f"counts {sum(g[:4] == w[:4] for g, w in zip(got, text(mod)))}/{n}")
        for mod in D.IMAGES:
            ids, truth = M.gen_image(m, x, mod), test.tok[mod][idx].long()
            solid = test.solid[idx]
            out.append(f"{mod[4:-3]} {(ids == truth).float().mean():.3f} ({(ids == truth)[solid].float().mean():.3f})")
        sem, truth = M.gen_image(m, [shown("caption"), shown("det")], "tok_semseg@64", 8, .3), test.tok["tok_semseg@64"][idx].long()
        out.append(f"boxes>semseg {(sem == truth)[test.solid[idx]].float().mean():.3f}")
    m.train(was)
    return ", ".join(out)

if __name__ == "__main__":
    torch.set_num_threads(1)
    print(check(M.load(f"{sys.argv[2]}/fm.safetensors"), sys.argv[1], int((sys.argv[3:4] or [48])[0])))
