"""Held-out numbers of a checkpoint, without a server: texts and pictures from pixels, and pictures from words, read back.

  python check.py DATA OUT [SCENES [paint]]      paint: tries ways to paint, see WAYS_TO_PAINT
"""
import sys, time
import torch
import data as D, tokenizers as T, model as M, words as W

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
INTERMEDIATE = {"det": None, "semseg": "tok_semseg@64"}
# Chains from words to rgb, steps, temperature and guidance scale of the layout, and of the picture.
WAYS_TO_PAINT = [((), 1, 0., 1., 12, .5, 2.)] + [
    (via, steps, temperature, scale, *last)
    for via in (("semseg",), ("det", "semseg"))
    for steps, temperature, scale in ((8, .5, 1.), (12, .5, 2.), (12, 1., 2.), (16, .5, 3.))
    for last in ((12, .5, 2.), (8, .3, 1.))]

def held_out(folder, out, n):
    data = D.Data(out, n, 0, DEVICE)
    data.add(f"{folder}/test")
    return data, torch.arange(n, device=DEVICE)

def nouns(data, rows):
    """Texts of ids -> the solids they name, left to right."""
    out = []
    for text in map(W.decode_text, rows.tolist()):
        order = text.split(" right of ") if " right of " in text else text.split(" left of ")
        solids = [" ".join(w for w in part.split() if w not in ("a", "the", "large", "small")) for part in order]
        out.append(solids[::-1] if " right of " in text else solids)
    return out

@torch.no_grad()
def seen(m, data, idx):
    """-> one line. Token accuracies are of one pass from pixels; the texts are exact matches."""
    x, out, n = [M.rgb_input(m, data.rgb[idx])], [], len(idx)
    for mod in D.SEQS:
        truth, length = data.words(mod, idx)
        got = M.gen_text(m, x, mod)
        L = min(got.shape[1], truth.shape[1])
        real = torch.arange(L, device=DEVICE)[None] < length[:, None]
        same = (got[:, :L] == truth[:, :L]) | ~real
        out.append(f"{mod} {same.all(1).float().mean():.3f}")
        if mod == "metadata":
            out.append(f"counts {same[:, :4].all(1).float().mean():.3f}")
    for mod in D.IMAGES:
        ids, truth, solid = M.gen_image(m, x, mod), data.tok[mod][idx].long(), data.solid[idx]
        out.append(f"{mod[4:-3]} {(ids == truth).float().mean():.3f} ({(ids == truth)[solid].float().mean():.3f})")
        if mod == "tok_canny_edge@64":
            drawn = data.models[mod].decode(ids.view(-1, D.SIDE, D.SIDE))[:, 0]
            out.append(f"edges F1 {T.f1(drawn > 0, data.edges[idx] > 0):.3f}")
    return ", ".join(out)

@torch.no_grad()
def paint(m, data, idx, way, phrasing):
    """Share of paintings whose caption names the same solids in any order, and in the right order."""
    via, steps, temperature, scale, last_steps, last_temperature, last_scale = way
    words = data.words("caption", idx, (phrasing, phrasing + 1))
    given, without = [("caption", *data.entry(*words))], [("caption", *data.masked(*words)[0])]
    for name in via:
        if name == "det":
            ids = M.gen_text(m, given, "det")
            length = torch.where((ids == W.EOS).any(1), (ids == W.EOS).int().argmax(1) + 1, ids.shape[1])
            new = ("det", *data.entry(ids, length))
        else:
            ids = M.gen_image(m, given, "tok_semseg@64", steps, temperature, without, scale)
            new = ("tok_semseg@64", ids, M.grid(len(idx), D.N, DEVICE), None)
        given = given + [new]
    ids = M.gen_image(m, given, "tok_rgb@64", last_steps, last_temperature, without, last_scale)
    y = data.models["tok_rgb@64"].decode(ids.view(-1, D.SIDE, D.SIDE)).float()
    u8 = ((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
    truth, got = nouns(data, data.words("caption", idx)[0]), nouns(data, M.gen_text(m, [M.rgb_input(m, u8)], "caption"))
    share = lambda f: sum(map(f, got, truth)) / len(idx)
    return share(lambda a, b: sorted(a) == sorted(b)), share(lambda a, b: a == b)

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, out, n = sys.argv[1], sys.argv[2], int((sys.argv[3:4] or [48])[0])
    m = M.load(f"{out}/fm.safetensors").to(DEVICE)
    data, idx = held_out(folder, out, n)
    with torch.autocast(DEVICE, torch.bfloat16):
        print(seen(m, data, idx), flush=True)
        rows, t0 = [], time.time()
        for way in WAYS_TO_PAINT if "paint" in sys.argv[4:] else WAYS_TO_PAINT[:1]:
            rows.append((*paint(m, data, idx, way, 0), *paint(m, data, idx, way, 2), way))
            print(f"{time.time() - t0:.0f} s, caption {rows[-1][0]:.3f} ({rows[-1][1]:.3f}), "
                  f"phrasing {rows[-1][2]:.3f} ({rows[-1][3]:.3f}): {way}", flush=True)
        print("best", *sorted(rows, key=lambda r: -r[0] - r[3])[:5], sep="\n")
