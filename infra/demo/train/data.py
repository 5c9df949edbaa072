"""The training set in memory, and the 4M batch sampler: tasks, token budgets, masks."""
import json, math, os
import numpy as np
import torch
import tokenizers as T, model as M

IMAGES = [m for m, (kind, *_) in M.MODS.items() if kind == "img"]
TOKENS = [m for m in M.MODS if m.startswith("tok_")]
SEQS = {"caption": "caption", "det": "det", "color_palette": "palette", "metadata": "metadata"}
SPLITS = ("a", "b")
N, SIDE = M.N, 64 // T.PATCH
SEEN, MADE = 48, 64     # tokens predicted of a picture at a time: where pixels are given, and elsewhere
CAPTION_WAYS = 9        # the caption itself, six phrasings that fix the places, two that do not

def pad_rows(rows):
    """Lists of ids -> (n, longest) int16, zero-padded."""
    out = np.zeros((len(rows), max(map(len, rows))), np.int16)
    for i, r in enumerate(rows):
        out[i, :len(r)] = r
    return out

def prepare(data, out):
    """Texts as ids; which patches show solids; the training pictures as the rgb tokenizer draws them (the model must
    be able to read its own paintings)."""
    for split in SPLITS + ("test",):
        d = f"{data}/{split}"
        if not os.path.exists(f"{d}/text_metadata.npy"):
            rows = [json.loads(line) for line in open(f"{d}/texts.jsonl")]
            for k in SEQS.values():
                np.save(f"{d}/text_{k}.npy", pad_rows([T.encode_text(r[k]) + [T.EOS] for r in rows]))
            ways = pad_rows([T.encode_text(p) + [T.EOS] for r in rows for p in [r["caption"]] + r["phrasings"]])
            np.save(f"{d}/text_ways.npy", ways.reshape(len(rows), CAPTION_WAYS, -1))
        if not os.path.exists(f"{d}/solid.npy"):
            sem = T.array([d], "semseg").reshape(-1, SIDE, T.PATCH, SIDE, T.PATCH)
            np.save(f"{d}/solid.npy", (sem > 1).any((2, 4)).reshape(-1, N))
    if not os.path.exists(f"{data}/a/reconstruction.npy"):
        tok, ids = T.load(f"{out}/tok_rgb.safetensors"), np.load(f"{data}/a/tok_rgb.npy").astype(np.int64)[:10000]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            y = [((tok.decode(torch.from_numpy(ids[i:i + 128]).view(-1, SIDE, SIDE)).float().clamp(-1, 1) + 1) * 127.5).round().byte()
                 for i in range(0, len(ids), 128)]
        np.save(f"{data}/a/reconstruction.npy", torch.cat(y).permute(0, 2, 3, 1).contiguous().numpy())

def pack(seqs):
    n = max(map(len, seqs))
    ids = torch.tensor([s + [0] * (n - len(s)) for s in seqs])
    pad = torch.arange(n)[None] >= torch.tensor([len(s) for s in seqs])[:, None]
    return ids, M.grid(len(seqs), n), pad

class Plan:
    """What a batch sees and predicts. visible/predict: tokens of each image-like modality; given: modes of the texts
    that are seen (full, empty, span); wanted: texts predicted whole; ways: range of the caption's phrasings; hole: side
    of a hidden rectangle of rgb tokens."""
    def __init__(self, size):
        self.size, self.visible, self.predict, self.given, self.wanted = size, {}, {}, {}, []
        self.ways, self.hole, self.drawn = (0, 1), None, False

class Data:
    def __init__(self, data, seed, splits=SPLITS):
        parts = [f"{data}/{s}" for s in splits]
        both = lambda name: np.concatenate([np.load(f"{d}/{name}.npy") for d in parts])
        flat = lambda name, shape: [np.memmap(f"{d}/{name}.bin", np.uint8, "r").reshape(-1, *shape) for d in parts]
        self.rgb, self.sem = flat("rgb", (64, 64, 3)), flat("semseg", (64, 64))
        self.drawn = [np.load(f"{data}/a/reconstruction.npy", mmap_mode="r")] if splits == SPLITS else self.rgb
        self.tok = {m: torch.from_numpy(both(m.split("@")[0])) for m in TOKENS}
        self.txt = {m: both(f"text_{k}") for m, k in SEQS.items()}
        self.ways = np.concatenate([np.load(f"{d}/text_ways.npy") for d in parts])
        self.solid = torch.from_numpy(both("solid"))
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)

    def pick(self, arrays, idx):
        """Rows of arrays that lie one behind the other."""
        n = len(arrays[0])
        return np.stack([arrays[i // n][i % n] for i in idx])

    def words(self, mod, i, way=0, shorten=False):
        row = self.ways[i, way] if mod == "caption" else self.txt[mod][i]
        ids = row[:int(np.argmax(row == T.EOS)) + 1].tolist()
        if shorten:                                     # palettes are given in any length, and predicted whole
            k = int(self.rng.integers(1, (len(ids) - 2) // 3 + 1))
            ids = [T.VOCAB[f"v1={k}"]] + ids[1:1 + 3 * k] + [T.EOS]
        return ids

    def span(self, ids, keep):
        """4M span masking: masked runs become sentinels; targets list each sentinel and its run, then one sentinel."""
        src, tgt, n, prev = [], [], 0, False
        for t in ids:
            if self.rng.random() < keep:
                src.append(t); prev = False
                continue
            if not prev:
                n += 1
                src.append(T.S1 - 1 + n); tgt.append(T.S1 - 1 + n)
            tgt.append(t); prev = True
        return src, tgt + [T.S1 + n]

    def choose(self, weights, n):
        names = list(weights)
        w = np.array([weights[k] for k in names])
        return [str(k) for k in self.rng.choice(names, min(n, len(names)), False, w / w.sum())]

    def budget(self, n=N):
        """4M's share of visible tokens while a picture is painted, few more often than many."""
        return min(144, int(n * (1 - math.cos(math.pi / 2 * self.rng.random()))))

    def plan_seen(self, size):
        """A picture is seen: texts and pictures from it."""
        r, p = self.rng, Plan(size)
        if r.random() < .1:
            p.drawn, p.visible["rgb@64"], p.wanted = True, 64, ["caption", "det"]
            return p
        p.visible["rgb@64"] = 64 if r.random() < .93 else int(r.integers(24, 64))
        p.wanted = ["caption"] + [m for m, q in (("det", .6), ("color_palette", .3), ("metadata", .3)) if r.random() < q]
        weights = {"tok_depth@64": 1., "tok_normal@64": 1., "tok_semseg@64": 1.1, "tok_canny_edge@64": 1.1, "tok_rgb@64": .3}
        for m in self.choose(weights, 2):
            p.predict[m] = SEEN
            if r.random() < .1:
                p.visible[m] = int(r.integers(1, 3 * N // 8))
        if r.random() < .2:
            p.predict["tok_scene_global"] = 16
        return p

    def plan_made(self, size):
        """A picture is made: from words, layouts, or other modalities."""
        r, u = self.rng, self.rng.random()
        p = Plan(size)
        if r.random() < .6:
            p.ways = (1, CAPTION_WAYS)
        if u < .16:                                     # words -> boxes, and what the scene is about
            p.size = 2 * size
            p.given["caption"], p.wanted = "full", ["det"]
            if r.random() < .5:
                p.ways, p.predict["tok_scene_global"] = (p.ways[0], 1 if p.ways[0] == 0 else 7), 16
        elif u < .40:                                   # words, mostly with boxes -> layout
            p.given["caption"] = "full" if r.random() < .92 else "empty"
            if r.random() < .85:
                p.given["det"] = "full" if r.random() < .95 else "empty"
            p.predict["tok_semseg@64"] = MADE
            p.visible["tok_semseg@64"] = self.budget() if r.random() < .75 else 0
        elif u < .72:                                   # words, boxes, layout -> picture; or the rest of a picture
            p.given["caption"] = "full" if r.random() < .9 else "empty"
            p.predict["tok_rgb@64"] = MADE
            if r.random() < .2:
                p.hole = tuple(int(k) for k in r.integers(SIDE // 3, 4 * SIDE // 5 + 1, 2))
                if r.random() < .5:
                    del p.given["caption"]
                return p
            p.visible["tok_rgb@64"] = self.budget() if r.random() < .75 else 0
            if r.random() < .7:
                p.given["det"] = "full"
            v = r.random()
            if v < .72:
                p.visible["tok_semseg@64"] = N if v < .3 else int(r.integers(3 * N // 16, 9 * N // 16))
        else:                                           # any -> any
            sources = {**dict.fromkeys(IMAGES, 1.), "tok_semseg@64": 1.5, "tok_rgb@64": 1.5, "tok_scene_global": .4}
            given = self.choose(sources, 1 if r.random() < .7 else 2)
            for m in given:
                n = M.MODS[m][2]
                p.visible[m] = n if n < N or r.random() < .4 else int(r.integers(3 * N // 16, 9 * N // 16))
            goals = {m: 2. if m == "tok_rgb@64" else 1. for m in IMAGES if m not in given}
            m = self.choose(goals, 1)[0]
            p.predict[m] = MADE
            if r.random() < .4:
                p.visible[m] = self.budget()
            p.wanted = self.choose(dict.fromkeys(SEQS, 1.), 1)
            if r.random() < .2:
                p.given[p.wanted[0]] = "span"
            for k in SEQS:
                if k not in p.wanted and r.random() < (.3 if k == "caption" else .12):
                    p.given[k] = "full"
        return p

    def places(self, p, m):
        """Positions that are seen and positions that are predicted, (B,v) and (B,t), disjoint."""
        n, v, t = M.MODS[m][2], p.visible.get(m, 0), p.predict.get(m, 0)
        key = torch.rand(p.size, n)
        if p.hole and m == "tok_rgb@64":
            h, w = p.hole
            top, left = (torch.randint(0, SIDE + 1 - k, (p.size, 1, 1)) for k in p.hole)
            y, x = torch.arange(SIDE)[None, :, None], torch.arange(SIDE)[None, None]
            hidden = ((y >= top) & (y < top + h) & (x >= left) & (x < left + w)).flatten(1)
            key, v = key + hidden, n - h * w
        perm = key.argsort(1)
        return perm[:, :v], perm[:, v:v + t]

    def images(self, p, idx):
        inputs, targets = [], []
        for m in dict.fromkeys([*p.visible, *p.predict]):
            pv, pt = self.places(p, m)
            if m == "rgb@64":
                x = torch.from_numpy(self.pick(self.drawn if p.drawn else self.rgb, idx)).float() / 255
                x = ((x - M.IMAGENET[0]) / M.IMAGENET[1]).view(-1, 8, 8, 8, 8, 3).transpose(2, 3).reshape(len(idx), 64, 192)
                inputs.append((m, x.gather(1, pv[..., None].expand(-1, -1, 192)), pv, None))
                continue
            ids = self.tok[m][idx].long()
            if pv.shape[1]:
                inputs.append((m, ids.gather(1, pv), pv, None))
            if m in p.predict:
                targets.append((m, pt, None, ids.gather(1, pt)))
        return inputs, targets

    def batch(self, p):
        """-> inputs for model.encode, targets (mod, pos, decoder ids or None, labels with -100 padding), scenes."""
        idx = self.rng.integers(0, len(self.drawn[0]) if p.drawn else len(self.solid), p.size)
        inputs, targets = self.images(p, idx)
        for m in dict.fromkeys([*p.given, *p.wanted]):
            mode, seen, made = p.given.get(m), [], []
            for i in idx:
                way = int(self.rng.integers(*p.ways)) if m == "caption" and mode == "full" else 0
                w = self.words(m, i, way, m == "color_palette" and mode == "full")
                if mode == "full":
                    seen.append(w)
                else:                                   # whole sequence masked, or random spans of it
                    s, o = self.span(w, self.rng.random() if mode == "span" else 0.)
                    seen.append(s); made.append(o)
            inputs.append((m,) + pack(seen))
            if m in p.wanted and made:
                ids, pos, pad = pack(made)
                targets.append((m, pos[:, :-1], ids[:, :-1], ids[:, 1:].masked_fill(pad[:, 1:], -100)))
        return inputs, targets, idx

    def weights(self, targets, idx):
        """Loss weight of each picture token: what the caption speaks of matters more than the backdrop."""
        solid = self.solid[idx].float()
        return {m: 1 + 3 * solid.gather(1, pos) for m, pos, _, _ in targets if m in IMAGES}

    def labels(self, idx, pos):
        """Semantic class of every pixel of the pixel patches at pos (B,n) -> (B,n,64)."""
        sem = torch.from_numpy(self.pick(self.sem, idx)).view(-1, 8, 8, 8, 8).transpose(2, 3).reshape(len(idx), 64, 64)
        return sem.gather(1, pos[..., None].expand(-1, -1, 64)).long()
