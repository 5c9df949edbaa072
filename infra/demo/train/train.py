"""4M training of the shapes model: random mixes of input and target modalities and token budgets.

  python train.py DATA OUT SECONDS BATCH [WARM_START]     needs the tokenizers' ids, see tokenizers.py
"""
import sys, time, math, json, os
import numpy as np
import torch
import torch.nn.functional as F
import torch.multiprocessing as mp
import tokenizers as T, model as M

IMAGES = {"tok_depth@64": 1., "tok_normal@64": 1., "tok_semseg@64": 1.4, "tok_canny_edge@64": .6, "tok_rgb@64": .5}
SEQS = {"caption": "caption", "det": "det", "color_palette": "palette", "metadata": "metadata"}

def reconstructions(data, out):
    """Pictures as the rgb tokenizer draws them: the model must be able to read its own paintings."""
    tok, ids = T.load(f"{out}/tok_rgb.safetensors"), np.load(f"{data}/a/tok_rgb.npy").astype(np.int64)
    with torch.no_grad():
        y = [((tok.decode(torch.from_numpy(ids[i:i + 256]).view(-1, 8, 8)).clamp(-1, 1) + 1) * 127.5).round().byte()
             for i in range(0, len(ids), 256)]
    np.save(f"{data}/a/reconstruction.npy", torch.cat(y).permute(0, 2, 3, 1).numpy())

class Data:
    """Training set in memory and the 4M batch sampler."""
    def __init__(self, data, seed):
        parts = [f"{data}/a", f"{data}/b"]
        names = [m.split("@")[0] for m in M.MODS if m.startswith("tok_")]
        while not all(os.path.exists(f"{d}/{n}.npy") for d in parts for n in names):
            time.sleep(1)                               # a tokenizer may still be at work
        self.rgb, self.rec = T.array(parts, "rgb"), np.load(f"{data}/a/reconstruction.npy", mmap_mode="r")
        self.tok = {m: torch.from_numpy(np.concatenate([np.load(f"{d}/{m.split('@')[0]}.npy") for d in parts]).astype(np.int64))
                    for m in M.MODS if m.startswith("tok_")}
        rows = [json.loads(line) for d in parts for line in open(f"{d}/texts.jsonl")]
        self.txt = {m: [T.encode_text(r[k]) for r in rows] for m, k in SEQS.items()}
        self.sem = T.array(parts, "semseg").reshape(-1, 8, 8, 8, 8).transpose(0, 1, 3, 2, 4).reshape(-1, 64, 64)
        self.solid = torch.from_numpy((self.sem > 1).any(2)).float()
        self.rng = np.random.default_rng(seed)

    def words(self, mod, i):
        ids = self.txt[mod][i]
        if mod == "color_palette":                      # random palette length, as in the public transform
            k = int(self.rng.integers(1, (len(ids) - 1) // 3 + 1))
            ids = [T.VOCAB[f"v1={k}"]] + ids[1:1 + 3 * k]
        return ids + [T.EOS]

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
        return list(self.rng.choice(names, min(n, len(names)), False, w / w.sum()))

    def plan(self, pixels):
        """-> visible tokens and whether to predict the rest of each image-like modality; modes of the sequences."""
        r, vis, out, src, tgt = self.rng, {}, [], {}, []
        budget = lambda m: int(M.MODS[m][2] * (1 - math.cos(math.pi / 2 * r.random())))
        u = .56 * r.random() if pixels else .56 + .44 * r.random()
        if u < .50:                                     # pixels -> texts and pictures
            vis["rgb@64"] = 64 if r.random() < .92 else int(r.integers(24, 64))
            tgt = ["caption"] + [m for m, p in (("det", .7), ("color_palette", .12), ("metadata", .12)) if r.random() < p]
            out = self.choose({**IMAGES, "tok_scene_global": .7}, 2 if r.random() < .5 else 1)
            for m in out:
                if r.random() < .2:
                    vis[m] = budget(m)
        elif u < .56:                                   # the model's own drawing style -> texts
            vis["reconstruction"], tgt = 64, ["caption", "det"]
        elif u < .59:                                   # caption -> global embedding
            src["caption"], out = "full", ["tok_scene_global"]
        elif u < .86:                                   # caption, often with boxes -> picture, MaskGIT budgets
            src["caption"] = "full" if r.random() < .9 else "empty"
            out = ["tok_rgb@64"] if r.random() < .92 else self.choose(IMAGES, 1)
            vis[out[0]] = budget(out[0]) if r.random() < .8 else 0
            if r.random() < .45:
                src["det"] = "full" if r.random() < .9 else "empty"
            elif r.random() < .2:
                o = self.choose({k: v for k, v in IMAGES.items() if k != out[0]}, 1)[0]
                vis[o] = 64
        elif u < .91:                                   # caption -> layout
            src["caption"], tgt, out = "full", ["det"], ["tok_semseg@64"]
            vis["tok_semseg@64"] = budget("tok_semseg@64") if r.random() < .8 else 0
        else:                                           # any -> any
            given = self.choose({**IMAGES, "tok_rgb@64": 2., "tok_scene_global": .5}, int(r.integers(1, 3)))
            vis.update({m: M.MODS[m][2] if r.random() < .7 else int(r.integers(1, M.MODS[m][2])) for m in given})
            out = self.choose({m: w for m, w in {**IMAGES, "tok_scene_global": .5}.items() if m not in given}, 1)
            tgt = self.choose(dict.fromkeys(SEQS, 1.), 1)
            if r.random() < .3:
                src[tgt[0]] = "span"
            for m in SEQS:
                if m not in tgt and r.random() < .15:
                    src[m] = "full"
        return vis, out, src, tgt

    def batch(self, model, B, pixels):
        """-> inputs for model.encode, list of targets (mod, pos, decoder ids or None, labels with -100 padding), scenes."""
        r = self.rng
        vis, out, src, tgt = self.plan(pixels)
        pictures = self.rgb
        if vis.pop("reconstruction", 0):
            vis["rgb@64"], pictures = 64, self.rec
        idx = r.integers(0, len(pictures), B)
        inputs, targets = [], []
        for m in set(vis) | set(out):
            n, v = M.MODS[m][2], vis.get(m, 0)
            perm = torch.rand(B, n).argsort(1)
            pv, pt = perm[:, :v], perm[:, v:]
            if m == "rgb@64":
                _, x, _, _ = M.rgb_input(model, pictures[idx])
                inputs.append((m, x.gather(1, pv[..., None].expand(-1, -1, x.shape[2])), pv, None))
                continue
            ids = self.tok[m][idx]
            if v:
                inputs.append((m, ids.gather(1, pv), pv, None))
            if m in out:
                targets.append((m, pt, None, ids.gather(1, pt)))
        for m in set(src) | set(tgt):
            mode, given, wanted = src.get(m), [], []
            for i in idx:
                w = self.words(m, i)
                if mode == "full":
                    given.append(w)
                else:                                   # whole sequence masked, or random spans of it
                    s, o = self.span(w, r.random() if mode == "span" else 0.)
                    given.append(s); wanted.append(o)
            if mode or r.random() < .7:
                inputs.append((m,) + pack(given))
            if m in tgt and wanted:
                ids, pos, pad = pack(wanted)
                targets.append((m, pos[:, :-1], ids[:, :-1], ids[:, 1:].masked_fill(pad[:, 1:], -100)))
        return (inputs, targets, idx) if inputs and targets else self.batch(model, B, pixels)

def pack(seqs):
    n = max(map(len, seqs))
    ids = torch.tensor([s + [0] * (n - len(s)) for s in seqs])
    pad = torch.arange(n)[None] >= torch.tensor([len(s) for s in seqs])[:, None]
    return ids, M.grid(len(seqs), n), pad

WEIGHT = {"caption": 1.5, "det": 1.3, "metadata": .5, "color_palette": .5}

def warm(m, path):
    """Weights of an earlier model where name and shape agree; ids of retrained tokenizers mean something else now."""
    mine = m.state_dict()
    new_ids = lambda k: "embeddings.tok_" in k and ("token_emb" in k or "to_logits" in k)
    old = {k: v for k, v in T.load_st(path)[0].items() if k in mine and mine[k].shape == v.shape and not new_ids(k)}
    m.load_state_dict({**mine, **old})
    return len(old), len(mine)

class Muon:
    """Momentum whose matrices are orthogonalised by a Newton-Schulz iteration before they are applied (Jordan 2024).
    Stacked projections (q, k, v) are orthogonalised one by one."""
    def __init__(self, params):
        self.state = [(p, torch.zeros_like(p), p.shape[0] // p.shape[1] if p.shape[0] % p.shape[1] == 0 else 1) for p in params]

    @torch.no_grad()
    def step(self, lr, momentum=.95, decay=.02):
        for p, buf, parts in self.state:
            if p.grad is None:
                continue
            buf.lerp_(p.grad, 1 - momentum)
            g = p.grad.lerp(buf, momentum)
            for part, w in zip(g.chunk(parts), p.chunk(parts)):
                x = part / (part.norm() + 1e-7)
                tall = x.shape[0] > x.shape[1]
                x = x.t() if tall else x
                for _ in range(5):
                    a = x @ x.t()
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
                x = x.t() if tall else x
                w.mul_(1 - lr * decay).add_(x, alpha=-lr * max(1, w.shape[0] / w.shape[1]) ** .5)

def worker(rank, data, out, seconds, B, peak, resume, same_ids, start, shared, stop, bar):
    """One of two data-parallel workers (one thread each), whose weights are averaged every 16 steps."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(1 + rank)
    D, m = Data(data, 7 * rank + int(start)), M.FM(M.config(list(M.MODS)))
    if resume and same_ids:
        m.load_state_dict(T.load_st(resume)[0])
    elif resume:
        torch.manual_seed(0)
        kept = warm(m, resume)
        print("kept %d of %d tensors" % kept, flush=True)
        torch.manual_seed(1 + rank)
    torch.manual_seed(0)
    dense = torch.nn.Linear(m.config["dim"], 64 * 6)    # labels of each patch's pixels: teaches shapes, is not shipped
    torch.manual_seed(1 + rank)
    P = list(m.parameters()) + list(dense.parameters())
    mats = [p for n, p in m.named_parameters() if p.dim() == 2 and "emb" not in n]
    rest = [p for p in P if not any(p is q for q in mats)]
    opt = torch.optim.AdamW(rest, lr=1e-3, betas=(.9, .98), weight_decay=0.)
    muon = Muon(mats)
    step, ema, saved, begin = 0, {}, time.time(), time.time()
    def note(k, ce):
        ema[k] = .97 * ema.get(k, ce.item()) + .03 * ce.item()
    while not stop[0]:
        prog = (time.time() - start) / seconds
        scale = min(1, (step + 1) / 60) * (.003 + .997 * (1 - max(0, min(1, (prog - .2) / .8))))
        lr = opt.param_groups[0]["lr"] = peak * scale
        opt.zero_grad(set_to_none=True)
        for p in mats:
            p.grad = None
        for pixels in (True, False):                    # both kinds of task in every step
            inputs, targets, idx = D.batch(m, B, pixels)
            ctx, mask, features = m.encode(inputs)
            loss, at = 0, 0
            for mod, pos, dec_ids, lab in targets:
                y = m.decode(mod, ctx, mask, pos, dec_ids).flatten(0, 1)
                if "@64" in mod and not pixels:         # what the caption speaks of matters more than the backdrop
                    w = 1 + 3 * D.solid[torch.from_numpy(idx)].gather(1, pos).flatten()
                    ce = (F.cross_entropy(y, lab.flatten(), reduction="none") * w).sum() / w.sum()
                else:
                    ce = F.cross_entropy(y, lab.flatten())
                loss = loss + WEIGHT.get(mod, 1.) * ce / len(targets)
                note(mod if pixels else mod + "<", ce)
            for mod, val, pos, _ in inputs:
                if mod == "rgb@64":
                    y = dense(features[:, at:at + val.shape[1]]).view(-1, 6)
                    lab = torch.from_numpy(np.take_along_axis(D.sem[idx], pos.numpy()[..., None], 1).astype(np.int64))
                    ce = F.cross_entropy(y, lab.flatten())
                    loss = loss + ce
                    note("dense", ce)
                at += val.shape[1]
            loss.backward()
        torch.nn.utils.clip_grad_norm_(rest, 1.)
        opt.step()
        muon.step(11 * lr)
        step += 1
        if rank == 0 and step % 100 == 0:
            print(f"{step} {time.time() - start:.0f}s {2 * B * step / (time.time() - begin):.0f}/s lr {lr:.1e} " + " ".join(
                f"{k.replace('tok_', '').replace('@64', '')}:{v:.3f}" for k, v in sorted(ema.items())), flush=True)
        if step % 16 == 0:
            if rank == 0 and prog >= 1:
                stop[0] = 1
            shared[rank] = torch.nn.utils.parameters_to_vector(P).detach()
            bar.wait()
            torch.nn.utils.vector_to_parameters(shared.mean(0), P)
            bar.wait()
        if rank == 0 and (stop[0] or time.time() - saved > 150):
            saved = time.time()
            T.save_st(f"{out}/fm.tmp", m.state_dict(), {**m.config, "modality_info": M.modality_info()})
            os.rename(f"{out}/fm.tmp", f"{out}/fm.safetensors")

def train(data, out, seconds, B, peak=1.5e-3, resume=None, same_ids=False):
    if not os.path.exists(f"{data}/a/reconstruction.npy"):
        reconstructions(data, out)
    c = M.config(list(M.MODS))
    n = sum(p.numel() for p in M.FM(c).parameters()) + (c["dim"] + 1) * 64 * 6
    t = lambda *s: torch.zeros(*s).share_memory_()
    args = (data, out, seconds, B, peak, resume, same_ids, time.time(), t(2, n), t(1), mp.get_context("spawn").Barrier(2))
    mp.spawn(worker, args, nprocs=2)

if __name__ == "__main__":
    torch.set_num_threads(1)
    data, out, seconds, B = sys.argv[1:5]
    train(data, out, float(seconds), int(B), float((sys.argv[5:6] or ["1.5e-3"])[0]), *sys.argv[6:7], same_ids="same" in sys.argv[7:])
