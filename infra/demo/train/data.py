"""The training set in memory, and the 4M batch sampler: tasks, token budgets, masks. All of it works on whole batches,
on the device that trains."""
import math, os
import numpy as np
import torch
import tokenizers as T, model as M, words as W

IMAGES = [m for m, (kind, *_) in M.MODS.items() if kind == "img"]
TOKENS = [m for m in M.MODS if m.startswith("tok_")]
SEQS = {"caption": "caption", "det": "det", "color_palette": "palette", "metadata": "metadata"}
N, SIDE = M.N, 64 // T.PATCH
FAVOURED = os.environ.get("FAVOURED")
# Tokens predicted of a picture at a time, where pixels are given and elsewhere.
SEEN, MADE = (int(n) for n in os.environ.get("PREDICTED", "48,64").split(","))

def scenes(folder):
    return os.path.getsize(f"{folder}/semseg.bin") // 4096

class Plan:
    """What a batch sees and predicts. visible/predict: tokens of each image-like modality; given: modes of the texts
    that are seen (full, empty, span); wanted: texts predicted whole; ways: range of the caption's phrasings; hole: sides
    of a hidden rectangle of rgb tokens; drawn: pixels as the rgb tokenizer draws them."""
    def __init__(self, size):
        self.size, self.visible, self.predict, self.given, self.wanted = size, {}, {}, {}, []
        self.ways, self.hole, self.drawn = (0, 1), None, False

class Data:
    """Up to `capacity` scenes on a device. tokenizers: folder of the trained ones."""
    def __init__(self, tokenizers, capacity, seed, device="cpu"):
        self.device, self.count, self.folders, self.tokenizers = device, 0, set(), tokenizers
        self.models = {m: T.load(f"{tokenizers}/{m.split('@')[0]}.safetensors").to(device).requires_grad_(False) for m in TOKENS}
        new = lambda *shape, dtype=torch.uint8: torch.zeros(capacity, *shape, dtype=dtype, device=device)
        self.rgb, self.sem, self.edges, self.solid = new(64, 64, 3), new(64, 64), new(64, 64), new(N, dtype=torch.bool)
        self.tok = {m: new(M.MODS[m][2], dtype=torch.int16) for m in TOKENS}
        self.txt = {m: new(W.LENGTHS[k], dtype=torch.int16) for m, k in SEQS.items()}
        self.ways = new(W.WAYS, W.LENGTHS["ways"], dtype=torch.int16)
        self.rng, self.dice = np.random.default_rng(seed), torch.Generator(device).manual_seed(seed)

    @torch.no_grad()
    def add(self, folder):
        """Takes in a folder's scenes as far as there is room. Their tokens are kept in the folder for the next time."""
        self.folders.add(folder)
        n = min(scenes(folder), len(self.sem) - self.count)
        at = slice(self.count, self.count + n)
        def put(to, a):
            to[at] = torch.as_tensor(a[:n]).to(self.device)
        put(self.rgb, T.array([folder], "rgb"))
        put(self.sem, T.array([folder], "semseg"))
        put(self.edges, T.array([folder], "canny_edge"))
        self.solid[at] = (self.sem[at].view(n, SIDE, T.PATCH, SIDE, T.PATCH) > 1).any(4).any(2).flatten(1)
        for m in TOKENS:
            name = m.split("@")[0]
            put(self.tok[m], self.tokens(folder, name, self.models[m]))
        for m, k in SEQS.items():
            put(self.txt[m], np.load(f"{folder}/text_{k}.npy"))
        put(self.ways, np.load(f"{folder}/text_ways.npy"))
        self.count += n

    def tokens(self, folder, name, tokenizer):
        """Ids of a folder's scenes, from a file that is younger than the tokenizer, or made now."""
        made, weights = f"{folder}/{name}.npy", f"{self.tokenizers}/{name}.safetensors"
        if not os.path.exists(made) or os.path.getmtime(made) < os.path.getmtime(weights):
            size = 64 if self.device == "cpu" else 1024
            ids = T.encode(name[4:], tokenizer, T.array([folder], name[4:]), self.device, size)
            own = f"{folder}/{name}.{os.getpid()}.npy"
            np.save(own, ids.cpu().numpy().astype(np.int16))
            os.rename(own, made)
        return np.load(made)

    def rand(self, *shape):
        return torch.rand(shape, generator=self.dice, device=self.device)

    def below(self, high, *shape):
        """Whole numbers from 0 to high - 1; high may be a tensor."""
        return (self.rand(*shape) * high).long()

    # ------------------------------------------------------------ texts: ids (B,L) with their lengths (B,)
    def words(self, m, idx, ways=(0, 1), shorten=False):
        """A text of each scene, which ends in [EOS]. shorten: palettes are given in any length, and predicted whole."""
        if m == "caption":
            ids = self.ways[idx, ways[0] + self.below(ways[1] - ways[0], len(idx))].long()
        else:
            ids = self.txt[m][idx].long()
        if shorten:
            k = 1 + self.below(((ids != W.PAD).sum(1) - 2) // 3, len(idx))
            ids[:, 0] = W.VOCAB["v1=0"] + k
            ids.scatter_(1, (1 + 3 * k)[:, None], W.EOS)
        return ids, (ids == W.EOS).int().argmax(1) + 1

    def entry(self, ids, length):
        """-> ids, positions, padding."""
        n = torch.arange(ids.shape[1], device=self.device)
        return ids, n.expand(len(ids), -1), n[None] >= length[:, None]

    def masked(self, ids, length):
        """All of a text hidden: one sentinel is seen; it, the text and the next sentinel are predicted."""
        one, zero = torch.full_like(ids[:, :1], W.S1), torch.zeros_like(ids[:, :1])
        made = torch.cat([one, ids, zero], 1).scatter_(1, (length + 1)[:, None], W.S1 + 1)
        return self.entry(one, torch.ones_like(length)), self.entry(made, length + 2)

    def span(self, ids, length):
        """4M span masking: hidden runs become sentinels; targets list each sentinel and its run, then one sentinel."""
        B, L = ids.shape
        real = torch.arange(L, device=self.device)[None] < length[:, None]
        hidden = (self.rand(B, L) > self.rand(B, 1)) & real
        start = hidden & ~torch.cat([torch.zeros_like(hidden[:, :1]), hidden[:, :-1]], 1)
        number, runs = start.cumsum(1), start.sum(1, keepdim=True)
        def listed(tokens):
            """Sentinels, each before its run, and the tokens, without what lies between."""
            both = torch.stack([start, tokens], 2).flatten(1)
            value = torch.stack([W.S1 - 1 + number, ids], 2).flatten(1)
            order = (~both).int().argsort(dim=1, stable=True)
            return value.gather(1, order), both.sum(1)
        seen, n = listed(real & ~hidden)
        made, k = listed(hidden)
        made = torch.cat([made, torch.zeros_like(ids[:, :1])], 1).scatter_(1, k[:, None], W.S1 + runs)
        return self.entry(seen[:, :L], n), self.entry(made[:, :L + 2], k + 1)

    def choose(self, weights, n):
        names = list(weights)
        w = np.array([weights[k] for k in names])
        return [str(k) for k in self.rng.choice(names, min(n, len(names)), False, w / w.sum())]

    def budget(self, n=N):
        """4M's share of visible tokens while a picture is painted, few more often than many."""
        return min(9 * n // 16, int(n * (1 - math.cos(math.pi / 2 * self.rng.random()))))

    # ------------------------------------------------------------ plans
    def plan_seen(self, size):
        """A picture is seen: texts and pictures from it."""
        r, p = self.rng, Plan(size)
        if r.random() < .1:
            p.drawn, p.visible["rgb@64"], p.wanted, p.predict["tok_semseg@64"] = True, 64, ["caption", "det"], SEEN
            return p
        p.visible["rgb@64"] = 64 if r.random() < .93 else int(r.integers(24, 64))
        p.wanted = ["caption"] + [m for m, q in (("det", .6), ("color_palette", .4), ("metadata", .3)) if r.random() < q]
        weights = {"tok_depth@64": 1., "tok_normal@64": 1., "tok_semseg@64": 1.1, "tok_canny_edge@64": 1.6, "tok_rgb@64": .3}
        if FAVOURED:
            weights[FAVOURED] *= 4
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
            p.ways = (1, W.WAYS)
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

    # ------------------------------------------------------------ batches
    def places(self, p, m):
        """Positions that are seen and positions that are predicted, (B,v) and (B,t), disjoint."""
        n, v, t = M.MODS[m][2], p.visible.get(m, 0), p.predict.get(m, 0)
        key = self.rand(p.size, n)
        if p.hole and m == "tok_rgb@64":
            h, w = p.hole
            top, left = (self.below(SIDE + 1 - k, p.size, 1, 1) for k in p.hole)
            i = torch.arange(SIDE, device=self.device)
            y, x = i[None, :, None], i[None, None]
            hidden = ((y >= top) & (y < top + h) & (x >= left) & (x < left + w)).flatten(1)
            key, v = key + hidden, n - h * w
        perm = key.argsort(1)
        return perm[:, :v], perm[:, v:v + t]

    @torch.no_grad()
    def pixels(self, idx, drawn):
        """(B,64,64,3) in levels of 255. The model must be able to read its own paintings: drawn by the tokenizer."""
        if not drawn:
            return self.rgb[idx].float()
        y = self.models["tok_rgb@64"].decode(self.tok["tok_rgb@64"][idx].long().view(-1, SIDE, SIDE)).float()
        return ((y.clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1)

    def images(self, p, idx):
        inputs, targets = [], []
        for m in dict.fromkeys([*p.visible, *p.predict]):
            pv, pt = self.places(p, m)
            if m == "rgb@64":
                mean, std = M.IMAGENET.to(self.device)
                x = (self.pixels(idx, p.drawn) / 255 - mean) / std
                x = x.view(-1, 8, 8, 8, 8, 3).transpose(2, 3).reshape(len(idx), 64, 192)
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
        idx = self.below(self.count, p.size)
        inputs, targets = self.images(p, idx)
        for m in dict.fromkeys([*p.given, *p.wanted]):
            mode = p.given.get(m)
            words = self.words(m, idx, p.ways if mode == "full" else (0, 1), m == "color_palette" and mode == "full")
            if mode == "full":
                inputs.append((m, *self.entry(*words)))
                continue
            seen, (ids, pos, pad) = self.span(*words) if mode == "span" else self.masked(*words)
            inputs.append((m, *seen))
            if m in p.wanted:
                targets.append((m, pos[:, :-1], ids[:, :-1], ids[:, 1:].masked_fill(pad[:, 1:], -100)))
        return inputs, targets, idx

    def weights(self, targets, idx):
        """Loss weight of each picture token: what the caption speaks of matters more than the backdrop."""
        solid = self.solid[idx].float()
        return {m: 1 + 3 * solid.gather(1, pos) for m, pos, _, _ in targets if m in IMAGES}

    def labels(self, maps, idx, pos):
        """Values of every pixel of the pixel patches at pos (B,n), from maps (scenes,64,64) -> (B,n,64)."""
        x = maps[idx].view(-1, 8, 8, 8, 8).transpose(2, 3).reshape(len(idx), 64, 64)
        return x.gather(1, pos[..., None].expand(-1, -1, 64))
