"""Tokenizers of 4M Shapes: ViT VQ-VAEs for images, an MLP with parallel codebooks for the global vector, and
safetensors I/O. Parameter names and config keys are those of the public 4M tokenizers, so checkpoints load there.
  python tokenizers.py rgb|depth|normal|semseg|canny_edge|scene_global DATA OUT SECONDS [WARM_START]
"""
import sys, json, math, time, struct, ast, os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

# Pixels on a side of what a token stands for, and what follows from it: codes, and ViT presets (public 4M has
# vit_s/b/l; these are the demo's own sizes). 4 draws far crisper, and the model then has four times the tokens to learn.
PATCH = int(os.environ.get("PATCH", 8))
CODES = {8: dict(rgb=256, depth=256, normal=256, semseg=256, canny_edge=256),
         4: dict(rgb=1024, depth=512, normal=512, semseg=256, canny_edge=512)}[PATCH]
VIT = {8: {"vit_demo_enc": dict(dim=96, depth=2, heads=3), "vit_demo_dec": dict(dim=96, depth=2, heads=3)},
       4: {"vit_demo_enc": dict(dim=96, depth=1, heads=3), "vit_demo_dec": dict(dim=96, depth=3, heads=3)}}[PATCH]

# ---------------------------------------------------------------- safetensors
_DT = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8"}
_NP = {"F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "U8": np.uint8}

def save_st(path, tensors, meta=None):
    """Write a .safetensors file; meta values become strings in __metadata__, as in the public checkpoints."""
    head, blobs, off = ({"__metadata__": {k: str(v) for k, v in meta.items()}} if meta else {}), [], 0
    for k, t in tensors.items():
        blobs.append(t.detach().cpu().contiguous().numpy().tobytes())
        head[k] = dict(dtype=_DT[t.dtype], shape=list(t.shape), data_offsets=[off, off + len(blobs[-1])])
        off += len(blobs[-1])
    h = json.dumps(head).encode()
    h += b" " * (-len(h) % 8)
    with open(path, "wb") as f:
        f.writelines([struct.pack("<Q", len(h)), h] + blobs)

def load_st(path, widen=True):
    """-> (tensors, metadata). Half precision is widened to float32, unless it should stay as it is stored."""
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head, out = json.loads(raw[8:8 + n]), {}
    meta = {k: _literal(v) for k, v in head.pop("__metadata__", {}).items()}
    for k, v in head.items():
        a, b = v["data_offsets"]
        t = torch.from_numpy(np.frombuffer(raw[8 + n + a:8 + n + b], _NP[v["dtype"]]).reshape(v["shape"]).copy())
        out[k] = t.float() if widen and t.is_floating_point() else t
    return out, meta

def _literal(s):
    try:
        return ast.literal_eval(s)
    except (ValueError, SyntaxError):
        return s

# ---------------------------------------------------------------- ViT VQ-VAE
def sincos_2d(h, w, dim):
    """(h*w, dim) table: sin, cos of the first axis, then sin, cos of the second."""
    omega = 1.0 / 10000 ** (torch.arange(dim // 4, dtype=torch.float32) / (dim // 4))
    a, b = torch.meshgrid(torch.arange(w).float(), torch.arange(h).float(), indexing="ij")
    a, b = a.reshape(-1, 1) * omega, b.reshape(-1, 1) * omega
    return torch.cat([a.sin(), a.cos(), b.sin(), b.cos()], 1)

class Mlp(nn.Module):
    def __init__(self, dim, act):
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim), act

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))

class Attn(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.h, self.qkv, self.proj = heads, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        q, k, v = self.qkv(x).view(B, N, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4).contiguous()
        a = ((q * (C // self.h) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)   # faster backwards than the fused kernel
        return self.proj((a @ v).transpose(1, 2).reshape(B, N, C))

class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn, self.mlp = Attn(dim, heads), Mlp(dim, F.gelu)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))

class ViT(nn.Module):
    """Encoder (image -> dim x nh x nw) or decoder (dim x nh x nw -> image); shipped ones end in a tanh post-MLP."""
    def __init__(self, preset, channels, patch, res, decoder, post_mlp):
        super().__init__()
        p, g = VIT[preset], res // patch
        self.dim, self.patch, self.ch, self.dec = p["dim"], patch, channels, decoder
        self.pos_emb = nn.Parameter(sincos_2d(g, g, self.dim).t().reshape(1, self.dim, g, g).clone(), False)
        if not decoder:
            self.proj = nn.Conv2d(channels, self.dim, patch, patch)
        self.blocks = nn.Sequential(*[Block(self.dim, p["heads"]) for _ in range(p["depth"])])
        self.post = post_mlp
        if post_mlp:
            self.norm_mlp, self.post_mlp = nn.LayerNorm(self.dim, eps=1e-6), Mlp(self.dim, torch.tanh)
        if decoder:
            self.out_proj = nn.Linear(self.dim, channels * patch * patch)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = x if self.dec else self.proj(x)
        B, _, nh, nw = x.shape
        pos = self.pos_emb if self.pos_emb.shape[-2:] == (nh, nw) else \
            F.interpolate(self.pos_emb, (nh, nw), mode="bicubic", align_corners=False)
        x = self.blocks((x + pos).flatten(2).transpose(1, 2))
        x = x + self.post_mlp(self.norm_mlp(x)) if self.post else x
        if not self.dec:
            return x.transpose(1, 2).reshape(B, -1, nh, nw)
        x = self.out_proj(x).view(B, nh, nw, self.ch, self.patch, self.patch)
        return x.permute(0, 3, 1, 4, 2, 5).reshape(B, self.ch, nh * self.patch, nw * self.patch)

class Codebook(nn.Module):
    """Cosine codebook with EMA updates and random restart of dead codes (no gradients)."""
    def __init__(self, K, dim, decay, dead):
        super().__init__()
        self.decay, self.dead = decay, dead
        self.register_buffer("initted", torch.ones(1))
        self.register_buffer("cluster_size", torch.zeros(K))
        self.register_buffer("embed", F.normalize(torch.randn(K, dim), dim=-1))

    def forward(self, x):                              # x: (n, dim)
        x = F.normalize(x.float(), dim=-1)
        ids = (x @ F.normalize(self.embed, dim=-1).t()).max(-1)[1]
        if self.training:
            n = torch.bincount(ids, minlength=len(self.embed)).float()
            mean = F.normalize(torch.zeros_like(self.embed).index_add_(0, ids, x), dim=-1)
            mean = torch.where(n[:, None] == 0, F.normalize(self.embed, dim=-1), mean)
            self.cluster_size.mul_(self.decay).add_(n, alpha=1 - self.decay)
            self.embed.mul_(self.decay).add_(mean, alpha=1 - self.decay)
            dead = self.cluster_size < self.dead
            if dead.any():
                self.embed[dead] = x[torch.randint(len(x), (int(dead.sum()),))]
                self.cluster_size[dead] = self.dead * 2
        return F.embedding(ids, self.embed), ids

class Quantize(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm, self.bypass = c["norm_latents"], False
        self._codebook = Codebook(c["codebook_size"], c["latent_dim"], c["ema_decay"], c["threshold_ema_dead_code"])

    def forward(self, h):
        B, C, nh, nw = h.shape
        x = h.float().flatten(2).transpose(1, 2)
        x = F.normalize(x, dim=-1) if self.norm else x
        if self.bypass:                                # autoencoder warm-up before the codebook exists
            return x.transpose(1, 2).reshape(B, C, nh, nw), x.sum() * 0, x.detach()
        q, ids = self._codebook(x.detach().reshape(-1, C))
        q = q.view_as(x)
        loss = F.mse_loss(q.detach(), x)
        q = x + (q - x).detach() if self.training else q
        return q.transpose(1, 2).reshape(B, C, nh, nw), loss, ids.view(B, nh, nw)

    def lookup(self, ids):
        return F.embedding(ids, self._codebook.embed).permute(0, 3, 1, 2)

class Tokenizer(nn.Module):
    """VQ-VAE. encode: image (or label map) -> ids (B,h,w); decode: ids -> image (or class logits)."""
    def __init__(self, c):
        super().__init__()
        self.config = c
        if c["n_labels"]:
            self.cls_emb = nn.Embedding(c["n_labels"], c["n_channels"])
        self.encoder = ViT(c["enc_type"], c["n_channels"], c["patch_size"], c["image_size"], False, c["post_mlp"])
        self.quant_proj, self.quantize = nn.Conv2d(self.encoder.dim, c["latent_dim"], 1), Quantize(c)
        self.decoder = ViT(c["dec_type"], c["n_labels"] or c["n_channels"], c["patch_size"], c["image_size"], True, c["post_mlp"])
        self.post_quant_proj = nn.Conv2d(c["latent_dim"], self.decoder.dim, 1)

    def quant(self, x):
        x = self.cls_emb(x).permute(0, 3, 1, 2) if self.config["n_labels"] else x
        return self.quantize(self.quant_proj(self.encoder(x)))

    def encode(self, x):
        return self.quant(x)[2]

    def decode(self, ids):
        return self.decoder(self.post_quant_proj(self.quantize.lookup(ids)))

def config(name):
    """Tokenizer config, keys as in public 4M tokenizer configs."""
    if name == "scene_global":
        return dict(domain=name, model_type="VQVAE", image_size=64, n_channels=54, n_labels=None, patch_size=16,
                    enc_type="BottleneckMLP/B_2-Wi_64", dec_type="BottleneckMLP/B_2-Wi_64", patch_proj=False,
                    post_mlp=False, quant_type="memcodes", codebook_size=32, num_codebooks=16, latent_dim=128,
                    sync_codebook=False, undo_std=False)
    ch, labels = dict(rgb=(3, None), depth=(1, None), normal=(3, None), semseg=(16, 6), canny_edge=(1, None))[name]
    return dict(domain=name if name != "semseg" else "semseg_shapes", model_type="VQVAE", image_size=64, n_channels=ch,
                n_labels=labels, enc_type="vit_demo_enc", dec_type="vit_demo_dec", patch_proj=True, post_mlp=PATCH == 8,
                patch_size=PATCH, quant_type="lucid", codebook_size=CODES[name], num_codebooks=1, latent_dim=16, norm_codes=True,
                norm_latents=True, sync_codebook=False, ema_decay=0.95, threshold_ema_dead_code=0.02, undo_std=False,
                code_replacement_policy="batch_random", commitment_weight=1.0, kmeans_init=False, out_conv=False)

# Extra metadata entry of the ViT tokenizers: sizes of presets that the public code does not have.
PRESETS = json.dumps({k: dict(dim_tokens=p["dim"], depth=p["depth"], num_heads=p["heads"], mlp_ratio=4, qkv_bias=True)
                      for k, p in VIT.items()})

def load(path):
    sd, meta = load_st(path)
    m = (GlobalTokenizer if "MLP" in meta["enc_type"] else Tokenizer)({k: v for k, v in meta.items() if k != "vit_presets"})
    m.load_state_dict(sd)
    return m.eval()

# ---------------------------------------------------------------- global vector: MLP + 16 parallel small codebooks
class Bottleneck(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

class MLP(nn.Module):
    """Residual MLP on vectors, in and out as 1x1 feature maps; ids such as BottleneckMLP/B_2-Wi_64."""
    def __init__(self, ident, d_in, d_out):
        super().__init__()
        n, w = (int(p.split("_")[1]) for p in ident.split("/")[1].split("-")[:2])
        self.linear_in, self.linear_out = nn.Linear(d_in or w, w), nn.Linear(w, d_out or w)
        self.blocks = nn.ModuleList([Bottleneck(w) for _ in range(n)])
        self.layernorms = nn.ModuleList([nn.LayerNorm(w) for _ in range(n)])

    def forward(self, x):
        x = self.linear_in(x.flatten(1))
        for b, n in zip(self.blocks, self.layernorms):
            x = x + b.block(n(x))
        return self.linear_out(x)[:, :, None, None]

class Weight(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(*shape) / math.sqrt(shape[1]))

class Memcodes(nn.Module):
    """Multi-head codebook looked up by attention; Gumbel-softmax in training, argmax afterwards."""
    def __init__(self, dim, K, heads):
        super().__init__()
        d = dim // heads
        self.noise = 1.                                # of the choice in training; falls
        self.h, self.scale, self.codes = heads, d ** -0.5, nn.Parameter(torch.randn(heads, K, d))
        self.to_k, self.to_v = Weight(heads, d, d), Weight(heads, d, d)

    def forward(self, x):                              # (B,dim,1,1) -> quantised, ids (B,heads)
        q = x.reshape(len(x), self.h, -1) * self.scale
        lg = torch.einsum("bhd,hkd->bhk", q, self.codes @ self.to_k.weight)
        a = F.gumbel_softmax(lg / self.noise, 1., True) if self.training else F.one_hot(lg.argmax(-1), lg.shape[-1]).float()
        return torch.einsum("bhk,hkd->bhd", a, self.codes @ self.to_v.weight).reshape(x.shape), lg.argmax(-1)

    def lookup(self, ids):                             # (B,heads) -> (B,dim,1,1)
        v = (self.codes @ self.to_v.weight).expand(len(ids), -1, -1, -1)
        return v.gather(2, ids[..., None, None].expand(-1, -1, 1, v.shape[-1])).reshape(len(ids), -1, 1, 1)

class GlobalTokenizer(nn.Module):
    """48 numbers <-> 16 ids."""
    def __init__(self, c):
        super().__init__()
        self.config, self.encoder, L = c, MLP(c["enc_type"], c["n_channels"], None), c["latent_dim"]
        w = self.encoder.linear_out.out_features
        self.quant_proj, self.post_quant_proj = nn.Conv2d(w, L, 1), nn.Conv2d(L, w, 1)
        self.quantize = Memcodes(L, c["codebook_size"], c["num_codebooks"])
        self.decoder = MLP(c["dec_type"], None, c["n_channels"])

    def encode(self, x):
        return self.quantize(self.quant_proj(self.encoder(x)))[1]

    def decode(self, ids):
        return self.decoder(self.post_quant_proj(self.quantize.lookup(ids))).flatten(1)

    def forward(self, x):
        return self.decoder(self.post_quant_proj(self.quantize(self.quant_proj(self.encoder(x)))[0])).flatten(1)

# ---------------------------------------------------------------- modality <-> tensor
def standardize_depth(d, thresh=0.1):
    """4M depth standardisation: subtract mean, divide by std of the central 80% of values (per image, unbiased)."""
    s = d.flatten(1).sort(1)[0]
    n, sh = s.shape[1], (-1,) + (1,) * (d.dim() - 1)
    s = s[:, int(thresh * n):int((1 - thresh) * n)]
    return (d - s.mean(1).view(sh)) / (s.var(1) + 1e-6).sqrt().view(sh)

ARRAYS = dict(rgb=(np.uint8, (64, 64, 3)), depth=(np.uint16, (64, 64)), normal=(np.uint8, (64, 64, 3)),
              semseg=(np.uint8, (64, 64)), edges=(np.uint8, (64, 64)), descriptor=(np.float32, (54,)))

def folders(data):
    """Folders of whole training scenes: words.py writes their last file."""
    return [f"{data}/{d}" for d in sorted(os.listdir(data)) if d != "test" and os.path.exists(f"{data}/{d}/text_metadata.npy")]

def array(folders, name):
    """An array of scene/generate.ts, of one or several data folders."""
    t, shape = ARRAYS["edges" if name == "canny_edge" else "descriptor" if name == "scene_global" else name]
    f = "edges" if name == "canny_edge" else "descriptor" if name == "scene_global" else name
    return np.concatenate([np.fromfile(f"{d}/{f}.bin", t).reshape((-1,) + shape) for d in folders])

def to_input(name, a, device="cpu"):
    """Arrays of the generator -> tokenizer input tensors."""
    if name == "semseg":
        return torch.from_numpy(a).to(device).long()
    t = torch.as_tensor(a).to(device).float()
    if name == "depth":
        return standardize_depth(t[:, None] / 65535)
    if name == "scene_global":
        return t
    return t[:, None] / 127.5 - 1 if name == "canny_edge" else t.permute(0, 3, 1, 2) / 127.5 - 1

# ---------------------------------------------------------------- training
def kmeans(x, K, iters=8):
    """Spherical k-means over unit vectors x."""
    c = x[torch.randperm(len(x))[:K]]
    for _ in range(iters):
        ids = (x @ c.t()).argmax(-1)
        n = torch.bincount(ids, minlength=K)
        new = F.normalize(torch.zeros_like(c).index_add_(0, ids, x), dim=-1)
        c = torch.where(n[:, None] > 0, new, x[torch.randint(len(x), (K,))])
    return c, n.float()

class Muon:
    """Momentum whose matrices are orthogonalised by a Newton-Schulz iteration before they are applied (Jordan 2024).
    Stacked projections (q, k, v) are orthogonalised one by one; matrices of one shape at once."""
    def __init__(self, params):
        self.params = list(params)
        self.bufs = [torch.zeros_like(p) for p in self.params]

    def parts(self, p):
        """The square or wide matrices (few, many) that p is made of, as views."""
        chunks = p.chunk(p.shape[0] // p.shape[1]) if p.shape[0] % p.shape[1] == 0 else [p]
        return [(c.t() if c.shape[0] > c.shape[1] else c) for c in chunks]

    @torch.no_grad()
    def step(self, lr, momentum=.95, decay=.02):
        groups = {}
        for p, buf in zip(self.params, self.bufs):
            if p.grad is None:
                continue
            buf.lerp_(p.grad, 1 - momentum)
            for g, w in zip(self.parts(p.grad.lerp(buf, momentum)), self.parts(p.data)):
                groups.setdefault((g.shape, p.shape[0] > p.shape[1]), []).append((g, w))
        for (shape, tall), pairs in groups.items():
            x = torch.stack([g for g, _ in pairs])
            x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
            for _ in range(5):
                a = x @ x.transpose(1, 2)
                b = torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315)
                x = torch.baddbmm(x, b, x, beta=3.4445)
            scale = lr * (shape[1] / shape[0] if tall and shape[0] != shape[1] else 1) ** .5
            weights = [w for _, w in pairs]
            torch._foreach_mul_(weights, 1 - lr * decay)
            torch._foreach_add_(weights, list(x.float().unbind(0)), alpha=-scale)

def weights_of(name, x, labels):
    """Loss weight of each pixel (B,1,64,64): solids, what borders on them and thin edges matter more than backdrop."""
    if name == "canny_edge":
        return 1 + 4 * (x > 0).float()
    solid = (labels > 1).float()[:, None]
    b = labels.float()[:, None]
    border = (F.max_pool2d(b, 3, 1, 1) != -F.max_pool2d(-b, 3, 1, 1)).float()
    return 1 + 2 * solid + 3 * border

def f1(y, x):
    """Of the positive pixels y against x."""
    return 2 * (x & y).sum() / (x.sum() + y.sum())

@torch.no_grad()
def round_trip(name, m, x, labels):
    """The number by which a tokenizer is judged, over held-out pictures. x: inputs, labels: semantic classes."""
    y = torch.cat([m.decode(m.encode(x[i:i + 64])) for i in range(0, len(x), 64)])
    if name == "semseg":
        y = y.argmax(1)
        iou = [((y == k) & (x == k)).sum() / ((y == k) | (x == k)).sum() for k in range(6)]
        return f"mIoU {sum(iou) / 6:.4f}"
    if name == "canny_edge":
        return f"F1 {f1(y > 0, x > 0):.4f}"
    if name == "rgb":
        e = ((y.clamp(-1, 1) - x) / 2).square().mean((1, 2, 3))
        return f"PSNR {-10 * e.log10().mean():.2f} dB"
    near = labels > 0
    if name == "normal":
        cos = F.cosine_similarity(y, x, 1)[near].clamp(-1, 1)
        return f"angle {cos.acos().rad2deg().mean():.2f}"
    return f"error {(y - x).abs()[:, 0][near].mean():.4f} of a standard deviation"

def train(name, data, out, seconds, warm_start=None, bs=12, peak=1.5e-3):
    """Autoencoder for a tenth of the time, k-means codebook (half of it from object patches), then VQ-VAE training.
    `seconds` are of this process's own time, so that a training which is paused or shares its core ends up the same."""
    c, bag, t0, clock = config(name), [], time.time(), time.process_time
    X, S = array(folders(data), name), array(folders(data), "semseg")
    V, VL = to_input(name, array([f"{data}/test"], name)[:256]), torch.from_numpy(array([f"{data}/test"], "semseg")[:256])
    m, rng = load(warm_start).train() if warm_start else Tokenizer(c), np.random.default_rng(0)
    mats = [p for n, p in m.named_parameters() if p.dim() == 2 and "blocks" in n]
    rest = [p for p in m.parameters() if p.requires_grad and not any(p is q for q in mats)]
    opt, muon = torch.optim.AdamW(rest, lr=1, betas=(.9, .95), weight_decay=.0), Muon(mats)
    m.quantize.bypass, begin = True, clock()
    step = prog = 0
    while prog < 1:
        prog = (clock() - begin) / seconds
        lr = peak * min(1, (step + 1) / 40) * min(1, .01 + 1.2 * (1 - min(1, prog)))
        opt.param_groups[0]["lr"] = lr
        i = rng.integers(0, len(X), bs)
        x, labels = to_input(name, X[i]), torch.from_numpy(S[i])
        w = weights_of(name, x, labels)
        with torch.autocast("cpu", torch.bfloat16, enabled=name != "semseg"):   # few classes: their latents are close
            q, commit, lat = m.quant(x)
        with torch.autocast("cpu", torch.bfloat16):
            y = m.decoder(m.post_quant_proj(q)).float()
        d = y - x if name != "semseg" else None
        e = F.cross_entropy(y, x, reduction="none")[:, None] if d is None else .5 * d.abs() + 2 * d * d
        loss = (e * w).mean() + c["commitment_weight"] * commit
        opt.zero_grad(set_to_none=True)
        for p in mats:
            p.grad = None
        loss.backward()
        nn.utils.clip_grad_norm_(rest, 1.)
        opt.step()
        muon.step(10 * lr)
        step += 1
        if m.quantize.bypass and prog > .06:
            near = F.max_pool2d((labels > 1).float()[:, None], c["patch_size"])
            f, lat = near.flatten().bool(), lat.flatten(0, 1)
            bag += [lat[f], lat[~f][torch.randperm(int((~f).sum()))[:int(f.sum())]]]
            if prog > .1 and sum(map(len, bag)) > 30 * c["codebook_size"]:
                book, m.quantize.bypass = m.quantize._codebook, False
                book.embed[:], n = kmeans(torch.cat(bag)[:60000], c["codebook_size"])
                book.cluster_size[:] = n / n.mean() * bs * len(f) / bs / c["codebook_size"]
        if step % 200 == 0 or prog >= 1:
            m.eval()
            if not m.quantize.bypass:
                ids = torch.cat([m.encode(V[i:i + 64]) for i in range(0, len(V), 64)]).unique()
                print(f"{name} {step} loss {loss:.4f} {round_trip(name, m, V, VL)} codes {len(ids)}, "
                      f"{clock() - begin:.0f} of {seconds:.0f} s, {time.time() - t0:.0f} on the clock", flush=True)
                save_st(f"{out}/tok_{name}.safetensors", half(m.state_dict()), {**c, "vit_presets": PRESETS})
            m.train()
    m = load(f"{out}/tok_{name}.safetensors")
    print(f"{name} as stored: {round_trip(name, m, V, VL)}", flush=True)

def half(sd):
    """fp16 weights; position tables and codebook stay fp32."""
    return {k: v.half() if v.is_floating_point() and "pos_emb" not in k and "_codebook" not in k else v for k, v in sd.items()}

@torch.no_grad()
def encode(name, m, x, device="cpu", bs=64):
    """Arrays of the generator -> ids (n, tokens)."""
    return torch.cat([m.encode(to_input(name, x[i:i + bs], device)).flatten(1) for i in range(0, len(x), bs)])

def train_global(data, out, seconds, bs=256):
    X, V = (torch.from_numpy(array(d, "scene_global")) for d in (folders(data), [f"{data}/test"]))
    m, t0, begin = GlobalTokenizer(config("scene_global")), time.time(), time.process_time()
    opt = torch.optim.AdamW(m.parameters(), lr=2e-3, weight_decay=.01)
    prog = 0
    while prog < 1:
        prog = (time.process_time() - begin) / seconds
        m.quantize.noise = max(.2, 1 - prog)
        opt.param_groups[0]["lr"] = 2e-3 * .5 * (1 + math.cos(math.pi * min(1, prog)))
        x = X[torch.randint(len(X), (bs,))]
        y = m(x)
        opt.zero_grad(set_to_none=True)
        (54 * F.mse_loss(y, x) + (1 - F.cosine_similarity(y, x)).mean()).backward()
        opt.step()
    save_st(f"{out}/tok_scene_global.safetensors", m.state_dict(), m.config)
    m.eval()
    with torch.no_grad():
        print(f"scene_global val cosine {F.cosine_similarity(m.decode(m.encode(V)), V).mean():.4f} {time.time() - t0:.0f}s")

if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    name, data, out, seconds = sys.argv[1:5]
    train_global(data, out, float(seconds)) if name == "scene_global" else train(name, data, out, float(seconds), *sys.argv[5:6])
