"""The 4M Shapes model: a 4M encoder-decoder transformer (SwiGLU, no biases) written from the formulas of the paper.

Parameter names and config keys are those of the public 4M checkpoints (FM, `swiglu_nobias` flavour).
"""
import json, math
import torch
import torch.nn as nn
import torch.nn.functional as F
import tokenizers as T, words as W

V_TEXT = len(W.VOCAB)
N = (64 // T.PATCH) ** 2
image = lambda name: ("img", T.CODES[name], N, T.PATCH)
# name -> (kind, vocabulary, tokens, patch). kinds: pix (input only), img (2D tokens), seq (causal text), glob (learned positions)
MODS = {"rgb@64": ("pix", 0, 64, 8), **{f"tok_{name}@64": image(name) for name in T.CODES},
        "caption": ("seq", V_TEXT, 24, 0), "det": ("seq", V_TEXT, 24, 0), "color_palette": ("seq", V_TEXT, 24, 0),
        "metadata": ("seq", V_TEXT, 24, 0), "tok_scene_global": ("glob", 32, 16, 16)}
CLASSES = ["sky", "ground", "sphere", "box", "cylinder", "cone"]
PALETTE = [[135, 190, 235], [150, 140, 125], [220, 60, 60], [70, 120, 220], [240, 190, 50], [90, 190, 90]]

# Chosen by eye and by how often a painted caption is read back right; 16 global tokens need one step only.
FROM_TEXT = dict(img=dict(scheme="maskgit", steps=12, token_schedule="cosine", temperature=.5, temperature_schedule="linear",
                          top_p=0, guidance_scale=2),
                 glob=dict(scheme="roar", steps=1, temperature=0, guidance_scale=1))

# Mean error of the rgb tokenizer's round trip in levels of 255 that no held-out scene of 300 reaches (the largest are 8.3
# and 4.3); 1/f textures, noise and gradients are above 14, scenes upside down or with inverted colours above 13 and 7.
FAMILIAR = {8: 8.8, 4: 5.0}
# Of the 4M config, by PATCH. Sizes of rows that are multiples of eight suit the matrix units of processors and GPUs.
SIZE = {8: dict(dim=128, encoder_depth=4, decoder_depth=4, num_heads=4, mlp_ratio=4.),
        4: dict(dim=256, encoder_depth=4, decoder_depth=5, num_heads=8, mlp_ratio=3.)}[T.PATCH]
POSITIONS = 64          # rows of a text's position table

def modality_info():
    """Entries of the 64-pixel modalities, which the published table lacks; a metadata value of the checkpoint."""
    out = {}
    for m, (kind, vocab, n, patch) in MODS.items():
        e = dict(type="seq" if kind == "seq" else "img", max_tokens=n)
        e.update(dict(pixels=True) if kind == "pix" else dict(vocab_size=vocab))
        e.update(dict(coord_bins=W.BINS) if kind == "seq" else dict(input_size=64, patch_size=patch))
        if m.startswith("tok_"):
            e["tokenizer"] = m.split("@")[0] + ".safetensors"
        if kind == "seq":                               # a small closed world: the likeliest words are the right ones
            e["recommended"] = dict(from_picture=dict(temperature=0), from_text=dict(temperature=0))
        elif kind != "pix":
            e["recommended"] = dict(from_picture=dict(scheme="roar", steps=1, temperature=0, guidance_scale=1), from_text=FROM_TEXT[kind])
        if m == "tok_semseg@64":                        # boxes first, then the shapes in them
            e["recommended"]["from_text"] = dict(FROM_TEXT["img"], via=["det"])
        if m == "tok_rgb@64":                           # then their colours
            e["recommended"] = dict(from_picture=dict(FROM_TEXT["img"], guidance_scale=1),
                                    from_text=dict(FROM_TEXT["img"], via=["det", "semseg"]))
            e["familiar_error"] = FAMILIAR[T.PATCH]
        if m == "tok_semseg@64":
            e.update(classes=CLASSES, palette=PALETTE)
        out[m] = e
    return json.dumps(out)

def knowledge():
    """What the model knows, for people; a metadata value of the checkpoint."""
    return json.dumps(dict(world="computer-drawn scenes of one to three solids (spheres, boxes, cylinders, cones) in six "
                                 "colours on a plain ground under the sky", words=[w for w in W.WORDS if w != ","], picture_size=64))

def config(mods):
    return dict(domains_in=[m for m in mods], domains_out=[m for m in mods if MODS[m][0] != "pix"], image_size=64,
                patch_size=8, **SIZE, qkv_bias=False, proj_bias=False, mlp_bias=False, norm_bias=False, act_layer="SiLU",
                gated_mlp=True, qk_norm=False, share_modality_embeddings=False)

class Norm(nn.Module):
    """LayerNorm without a trained bias (a zero buffer keeps the public key name)."""
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.register_buffer("bias", torch.zeros(dim))

    def forward(self, x):
        y = F.layer_norm(x, x.shape[-1:], self.weight, self.bias, 1e-6)
        return y.bfloat16() if torch.is_autocast_enabled(x.device.type) else y   # once, not in every layer that reads it

def attend(q, k, v, heads, mask=None, causal=False):
    """q: (B,N,C), k/v: (B,M,C); mask: True where attention is forbidden, broadcastable to (B,1,N,M)."""
    B, N, C = q.shape
    s = lambda t: t.reshape(B, -1, heads, C // heads).transpose(1, 2)
    if q.device.type == "cuda":
        y = F.scaled_dot_product_attention(s(q), s(k), s(v), None if mask is None else ~mask, is_causal=causal)
        return y.transpose(1, 2).reshape(B, N, C)
    # Written out: PyTorch's fused kernel is slower backwards on CPUs.
    a = (s(q).contiguous() * (C // heads) ** -0.5) @ s(k).contiguous().transpose(-2, -1)
    if causal:
        mask = torch.ones(N, N, dtype=torch.bool, device=q.device).triu(1)
    if mask is not None:
        a = a.masked_fill(mask, -torch.finfo(a.dtype).max)
    return (a.softmax(-1) @ s(v).contiguous()).transpose(1, 2).reshape(B, N, C)

class SelfAttn(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim, bias=False)

    def forward(self, x, mask=None, parts=None):
        """parts: lengths of the parts of x that attend each to itself only, and whether each is causal."""
        if parts is None:
            return self.proj(attend(*self.qkv(x).chunk(3, -1), self.heads, mask))
        lengths, causal = parts
        ys = [attend(*part.chunk(3, -1), self.heads, None, c) for part, c in zip(self.qkv(x).split(lengths, 1), causal)]
        return self.proj(torch.cat(ys, 1))

class CrossAttn(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.q = heads, nn.Linear(dim, dim, bias=False)
        self.kv, self.proj = nn.Linear(dim, 2 * dim, bias=False), nn.Linear(dim, dim, bias=False)

    def forward(self, x, context, mask):
        return self.proj(attend(self.q(x), *self.kv(context).chunk(2, -1), self.heads, mask))

class Gated(nn.Module):
    def __init__(self, dim, ratio):
        super().__init__()
        h = int(2 * int(dim * ratio) / 3)
        self.fc1, self.fc3 = nn.Linear(dim, h, bias=False), nn.Linear(dim, h, bias=False)
        self.fc2 = nn.Linear(h, dim, bias=False)

    def forward(self, x):
        return self.fc2(F.silu(self.fc1(x)) * self.fc3(x))

class EncBlock(nn.Module):
    def __init__(self, dim, heads, ratio):
        super().__init__()
        self.norm1, self.norm2 = Norm(dim), Norm(dim)
        self.attn, self.mlp = SelfAttn(dim, heads), Gated(dim, ratio)

    def forward(self, x, mask):
        x = x + self.attn(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))

class DecBlock(nn.Module):
    def __init__(self, dim, heads, ratio):
        super().__init__()
        self.norm1, self.query_norm, self.context_norm, self.norm2 = Norm(dim), Norm(dim), Norm(dim), Norm(dim)
        self.self_attn, self.cross_attn, self.mlp = SelfAttn(dim, heads), CrossAttn(dim, heads), Gated(dim, ratio)

    def forward(self, x, context, parts, xa_mask):
        x = x + self.self_attn(self.norm1(x), parts=parts)
        x = x + self.cross_attn(self.query_norm(x), self.context_norm(context), xa_mask)
        return x + self.mlp(self.norm2(x))

def as_stored(table):
    """The model ships in fp16, and is trained with the very table that ships."""
    return table.half().float()

class Embedding(nn.Module):
    """Token (or pixel-patch) embedding, position table and modality vector; decoders also carry the output head."""
    def __init__(self, mod, dim, decoder):
        super().__init__()
        kind, vocab, n, patch = MODS[mod]
        if kind == "pix":
            self.proj = nn.Linear(3 * patch * patch, dim, bias=False)
        elif kind == "seq" or not decoder:              # picture targets start from the mask token
            self.token_emb = nn.Embedding(vocab, dim)
        if kind == "seq":                               # 1D sine-cosine table
            w = torch.arange(POSITIONS).float()[:, None] / 10000 ** (torch.arange(dim // 2).float() / (dim // 2))
            self.register_buffer("pos_emb", as_stored(torch.cat([w.sin(), w.cos()], 1)[None]))
        elif kind == "glob":
            self.pos_emb = nn.Parameter(torch.randn(1, n, dim) * .02)
        else:
            g = int(n ** .5)
            self.register_buffer("pos_emb", as_stored(T.sincos_2d(g, g, dim)[None]))
        self.mod_emb = nn.Parameter(torch.randn(1, 1, dim) * .02)
        if decoder:
            self.to_logits = nn.Linear(dim, vocab, bias=False)

    def where(self, pos):
        """Position + modality embedding at integer positions (B,n)."""
        return self.pos_emb[0][pos] + self.mod_emb

class FM(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config, d, a = c, c["dim"], (c["dim"], c["num_heads"], c["mlp_ratio"])
        self.encoder_embeddings = nn.ModuleDict({m: Embedding(m, d, False) for m in c["domains_in"]})
        self.decoder_embeddings = nn.ModuleDict({m: Embedding(m, d, True) for m in c["domains_out"]})
        self.encoder = nn.ModuleList([EncBlock(*a) for _ in range(c["encoder_depth"])])
        self.encoder_norm = Norm(d)
        self.decoder_proj_context = nn.Linear(d, d)
        self.decoder = nn.ModuleList([DecBlock(*a) for _ in range(c["decoder_depth"])])
        self.decoder_norm = Norm(d)
        self.mask_token = nn.Parameter(torch.randn(1, 1, d) * .02)
        for n, p in self.named_parameters():            # Xavier; q, k, v (and the two gates) count as separate matrices
            if p.dim() == 2:
                parts = 3 if "qkv" in n else 2 if ".kv" in n else 1
                b = (6 / (p.shape[0] // parts + p.shape[1])) ** .5
                nn.init.normal_(p, std=.02) if "token_emb" in n else nn.init.uniform_(p, -b, b)
        nn.init.zeros_(self.decoder_proj_context.bias)

    def patches(self, rgb):
        """(B,3,H,W) -> (B,n,p*p*3), channel fastest."""
        B, C, H, W = rgb.shape
        p = MODS["rgb@64"][3]
        return rgb.view(B, C, H // p, p, W // p, p).permute(0, 2, 4, 3, 5, 1).reshape(B, -1, p * p * C)

    def encode(self, inputs):
        """inputs: list of (mod, values, pos, pad). values: patches (B,n,192) or ids (B,n); pad: bool (B,n) or None.
        Returns context for the decoder, its padding mask, and the encoder output."""
        xs, es, pads = [], [], []
        for mod, val, pos, pad in inputs:
            e = self.encoder_embeddings[mod]
            x, w = (e.proj(val) if MODS[mod][0] == "pix" else e.token_emb(val)), e.where(pos)
            if pad is not None:
                x, w = x.masked_fill(pad[..., None], 0), w.masked_fill(pad[..., None], 0)
            xs.append(x); es.append(w)
            pads.append(torch.zeros(pos.shape, dtype=torch.bool, device=pos.device) if pad is None else pad)
        emb, pad = torch.cat(es, 1), torch.cat(pads, 1)
        mask = pad[:, None, None] if any(given is not None for *_, given in inputs) else None
        x = torch.cat(xs, 1).float() + emb
        for b in self.encoder:
            x = b(x, mask)
        x = self.encoder_norm(x)
        return self.decoder_proj_context(x) + emb, mask, x

    def decode(self, targets, context, mask):
        """Logits of each target modality, decoded as if alone. targets: list of (mod, pos, ids); images start from mask
        tokens at pos (ids None), sequences are causal over ids."""
        ys, parts = [], ([pos.shape[1] for _, pos, _ in targets], [ids is not None for *_, ids in targets])
        for mod, pos, ids in targets:
            e = self.decoder_embeddings[mod]
            ys.append((self.mask_token if ids is None else e.token_emb(ids)) + e.where(pos))
        y = torch.cat(ys, 1)
        for b in self.decoder:
            y = b(y, context, parts, mask)
        pieces = self.decoder_norm(y).split(parts[0], 1)
        return [self.decoder_embeddings[mod].to_logits(piece) for (mod, _, _), piece in zip(targets, pieces)]

def load(path):
    sd, meta = T.load_st(path)
    meta.pop("modality_info", None)
    meta.pop("knows", None)
    m = FM(meta)
    m.load_state_dict(sd)
    return m.eval()

# ---------------------------------------------------------------- a small sampler
IMAGENET = torch.tensor([[.485, .456, .406], [.229, .224, .225]])

def rgb_input(model, u8):
    """uint8 (B,64,64,3) -> encoder input entry (ImageNet-standardised pixels, all 64 patches)."""
    mean, std = IMAGENET.to(u8.device)
    x = (u8.float() / 255 - mean) / std
    return ("rgb@64", model.patches(x.permute(0, 3, 1, 2)), grid(len(u8), 64, u8.device), None)

def grid(B, n, device="cpu"):
    return torch.arange(n, device=device).expand(B, n)

@torch.no_grad()
def gen_image(model, inputs, mod, steps=1, temp=0., cfg=None, scale=1.):
    """MaskGIT decoding: cosine schedule over steps, most probable samples first. cfg: unconditional input list."""
    device = inputs[0][2].device
    B, n = len(inputs[0][1]), MODS[mod][2]
    ids = torch.zeros(B, n, dtype=torch.long, device=device)
    known = torch.zeros(B, n, dtype=torch.bool, device=device)
    left = [round(n * .5 * (1 + math.cos(math.pi * i / steps))) for i in range(steps)] + [0]
    for s in range(steps):
        def logits(inp):
            if s:
                kp = known.float().topk(n - left[s], 1)[1].sort(1)[0]
                inp = inp + [(mod, ids.gather(1, kp), kp, None)]
            ctx, mask, _ = model.encode(inp)
            return model.decode([(mod, up, None)], ctx, mask)[0].float()
        up = (~known).float().topk(left[s], 1)[1].sort(1)[0]
        lg = logits(inputs)
        if cfg is not None and scale != 1:
            un = logits(cfg)
            lg = un + scale * (lg - un)
        if temp > 0:
            t = temp * left[s] / n                       # linear temperature decay
            pr = (lg / max(t, 1e-6)).softmax(-1)
            pick = torch.multinomial(pr.flatten(0, 1), 1).view(lg.shape[:2])
            conf = pr.gather(2, pick[..., None])[..., 0]
        else:
            conf, pick = lg.softmax(-1).max(-1)
        top = conf.topk(left[s] - left[s + 1], 1)[1]
        where = up.gather(1, top)
        ids.scatter_(1, where, pick.gather(1, top))
        known.scatter_(1, where, True)
    return ids

@torch.no_grad()
def gen_text(model, inputs, mod, max_len=24):
    """Greedy decoding. As in the public sampler the encoder sees [S_1], the decoder starts from [S_1], ends at [EOS]."""
    device = inputs[0][2].device
    B = len(inputs[0][1])
    s1 = torch.full((B, 1), W.S1, device=device)
    ctx, mask, _ = model.encode(inputs + [(mod, s1, grid(B, 1, device), None)])
    out = s1
    for _ in range(max_len):
        nxt = model.decode([(mod, grid(B, out.shape[1], device), out)], ctx, mask)[0][:, -1].argmax(-1, keepdim=True)
        out = torch.cat([out, nxt], 1)
        if (out == W.EOS).any(1).all():
            break
    return out[:, 1:]
