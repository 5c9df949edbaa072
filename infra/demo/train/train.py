"""4M training of the shapes model: random mixes of input and target modalities and token budgets.

  python train.py DATA OUT SECONDS BATCH WORKERS [PEAK [WARM]]

SECONDS are processor time of one worker, so a training that is paused or shares its cores ends up the same; on a GPU,
which is used where PyTorch sees one, they are of the clock, and WORKERS is 1. A number written to OUT/seconds while it
runs replaces them. Scenes that are still being generated into new folders of DATA are taken in as they come on a GPU.
It goes on from OUT/resume.pt where there is one. WARM is an earlier model of the same width to begin from, narrower
feed-forward layers and fewer blocks included. In the environment: SAVE, seconds between checkpoints; TRAINED, what the
names of the weights begin with that are trained, with commas (all of them otherwise); FAVOURED, a picture modality that
is drawn four times as often where a picture is seen.
"""
import os, sys, time
import torch
import torch.nn.functional as F
import torch.multiprocessing as mp
import data as D, tokenizers as T, model as M

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WEIGHT = {"caption": 1.5, "det": 1.6, "metadata": .6, "color_palette": .8, "tok_canny_edge@64": 1.6}
MUON = 11               # its rate over AdamW's
EXCHANGE = 16           # steps between averages of the workers' weights, and looks at files
SAVE = float(os.environ.get("SAVE", 240))   # check.py tells what a checkpoint can do, in a process of its own
ROOM = 600_000          # scenes that a GPU's memory is reserved for
TRAINED = tuple(os.environ.get("TRAINED", "").split(","))
EDGES, DRAWN = "tok_canny_edge@64", .3                  # share of the time after which edges are also judged as drawn

def drawn(data, idx, pos, logits):
    """Error of the edges as their tokenizer draws them, where tokens at pos are the likeliest ones and the others the true
    ones. Many codes draw nearly the same, which cross-entropy cannot know. Gradients pass as if the mean of the codes by
    their probabilities had been drawn (straight through, Bengio et al. 2013)."""
    tokenizer, side = data.models[EDGES], D.SIDE
    codes = tokenizer.quantize._codebook.embed
    mean = logits.float().softmax(-1) @ codes
    likeliest = codes[logits.argmax(-1)]
    q = codes[data.tok[EDGES][idx].long()]
    q = q.scatter(1, pos[..., None].expand(-1, -1, q.shape[2]), mean + (likeliest - mean).detach())
    y = tokenizer.decoder(tokenizer.post_quant_proj(q.transpose(1, 2).reshape(len(idx), -1, side, side))).float()
    x = T.to_input("canny_edge", data.edges[idx], data.device)
    d = y - x
    error = (.5 * d.abs() + 2 * d * d) * T.weights_of("canny_edge", x, None)
    return error.mean() * D.N / pos.shape[1]

def losses(m, dense, data, plan, progress):
    """-> loss of a batch, and the cross-entropy of every target."""
    inputs, targets, idx = data.batch(plan)
    ctx, mask, features = m.encode(inputs)
    logits = m.decode([t[:3] for t in targets], ctx, mask)
    weights, seen, loss = data.weights(targets, idx), {}, 0.
    for (mod, pos, _, lab), y in zip(targets, logits):
        if mod == EDGES and progress >= DRAWN:
            seen["drawn"] = drawn(data, idx, pos, y)
            loss = loss + 2 * seen["drawn"]
        ce = F.cross_entropy(y.float().flatten(0, 1), lab.flatten(), reduction="none")
        w = weights[mod].flatten() if mod in weights else (lab.flatten() >= 0).float()
        seen[mod] = (ce * w).sum() / w.sum()
        loss = loss + WEIGHT.get(mod, 1.) * seen[mod]
    at = 0
    for mod, val, pos, _ in inputs:
        if mod == "rgb@64" and TRAINED == ("",):        # classes and edges of each patch's pixels: not shipped
            y = dense(features[:, at:at + val.shape[1]]).float().view(-1, 7)
            seen["dense"] = F.cross_entropy(y[:, :6], data.labels(data.sem, idx, pos).flatten().long())
            edges = (data.labels(data.edges, idx, pos).flatten() > 0).float()
            seen["edges"] = F.binary_cross_entropy_with_logits(y[:, 6], edges)
            loss = loss + seen["dense"] + 2 * seen["edges"]
        at += val.shape[1]
    return loss, seen

@torch.no_grad()
def warm(m, path):
    """Takes over an earlier model's weights so that the function stays the same: what is new in a feed-forward layer or
    as a block adds nothing at first. A table of another length belongs to a retrained tokenizer, and is new."""
    old, taken = T.load_st(path)[0], 0
    for k, v in m.state_dict().items():
        if k not in old or "embeddings" in k and v.shape != old[k].shape:
            if k not in old and k.endswith(("proj.weight", "fc2.weight")) and "coder." in k:
                v.zero_()
            continue
        o = old[k]
        if v.shape != o.shape:                          # wider feed-forward layer: the new inner units are not read
            assert ".mlp." in k, k
            if "fc2" in k:
                v.zero_()
            v[tuple(map(slice, o.shape))] = o
        else:
            v.copy_(o)
        taken += 1
    return taken

def gather(data, folder):
    """Takes in the folders that are new."""
    for d in T.folders(folder):
        if d not in data.folders and data.count < len(data.sem):
            data.add(d)

def worker(rank, folder, out, seconds, B, peak, warm_start, group):
    """One of the data-parallel workers (one thread each), whose weights are averaged every EXCHANGE steps."""
    shared, stop, bar = group
    gpu, clock = DEVICE == "cuda", time.time if DEVICE == "cuda" else time.process_time
    if not gpu:
        os.setsid()
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
    torch.manual_seed(0)
    m = M.FM(M.config(list(M.MODS))).to(DEVICE)
    dense = torch.nn.Linear(m.config["dim"], 64 * 7).to(DEVICE)
    for n, p in m.named_parameters():
        p.requires_grad_(n.startswith(TRAINED))
    P = [*filter(lambda p: p.requires_grad, m.parameters()), *dense.parameters()]
    mats = [p for n, p in m.named_parameters() if p.dim() == 2 and "emb" not in n and p.requires_grad]
    rest = [p for p in P if not any(p is q for q in mats)]
    opt, muon = torch.optim.AdamW(rest, lr=1e-3, betas=(.9, .98), weight_decay=0., fused=gpu), T.Muon(mats)
    state, step, before, ema, saved = f"{out}/resume.pt", 0, 0., {}, time.time()
    if os.path.exists(state):
        old = torch.load(state, map_location=DEVICE)
        m.load_state_dict(old["model"]); dense.load_state_dict(old["dense"]); opt.load_state_dict(old["opt"])
        muon.bufs = old["muon"]
        step, before = old["step"], old["seconds"]
    elif warm_start:
        print(f"took over {warm(m, warm_start)} of {len(m.state_dict())} tensors", flush=True)
    data = D.Data(out, ROOM if gpu else sum(map(D.scenes, T.folders(folder))), 1000 * rank + step, DEVICE)
    gather(data, folder)
    begin, t0, first = clock(), time.time(), step
    while not stop[0]:
        if step % EXCHANGE == 0 and os.path.exists(f"{out}/seconds"):
            seconds = float(open(f"{out}/seconds").read())
        if gpu and step % EXCHANGE == 0:
            gather(data, folder)
        used = before + clock() - begin
        prog = used / seconds
        scale = min(1, (step + 1) / 60) * (.003 + .997 * (1 - max(0, min(1, (prog - .25) / .75))))
        lr = opt.param_groups[0]["lr"] = peak * scale
        opt.zero_grad(set_to_none=True)
        for p in mats:
            p.grad = None
        with torch.autocast(DEVICE, torch.bfloat16):
            for kind, plan in (("", data.plan_seen(B)), ("<", data.plan_made(B))):    # both in every step
                loss, seen = losses(m, dense, data, plan, prog)
                loss.backward()
                for k, ce in seen.items():
                    ema[k + kind] = .97 * ema.get(k + kind, ce.detach()) + .03 * ce.detach()
        torch.nn.utils.clip_grad_norm_(rest, 1.)
        opt.step()
        muon.step(MUON * lr)
        step += 1
        if rank == 0 and step % 50 == 0:
            print(f"{step} {used:.0f} of {seconds:.0f} s, {time.time() - t0:.0f} on the clock, {data.count} scenes, "
                  f"{2 * len(shared) * B * (step - first) / (time.time() - t0):.0f}/s lr {lr:.1e} " + " ".join(
                f"{k.replace('tok_', '').replace('@64', '')}:{v.item():.3f}" for k, v in sorted(ema.items())), flush=True)
        if step % EXCHANGE == 0:
            if rank == 0 and prog >= 1:
                stop[0] = 1
            if len(shared) > 1:
                shared[rank] = torch.nn.utils.parameters_to_vector(P).detach()
                bar.wait()
                torch.nn.utils.vector_to_parameters(shared.mean(0), P)
            if rank == 0 and (stop[0] or time.time() - saved > SAVE):
                saved = time.time()
                T.save_st(f"{out}/fm.tmp", stored(m), {**m.config, "modality_info": M.modality_info()})
                os.rename(f"{out}/fm.tmp", f"{out}/fm.safetensors")
                save(state, m, dense, opt, muon, step, used)
            bar.wait()

def stored(m):
    """Weights as they ship, in fp16; the tables of positions are numbers of fp16 already."""
    return {k: v.half() for k, v in m.state_dict().items()}

def save(path, m, dense, opt, muon, step, seconds):
    torch.save(dict(model=m.state_dict(), dense=dense.state_dict(), opt=opt.state_dict(), muon=muon.bufs, step=step,
                    seconds=seconds), path + ".tmp")
    os.rename(path + ".tmp", path)

def train(folder, out, seconds, B, workers, peak=1.5e-3, warm_start=None):
    c = M.config(list(M.MODS))
    n = sum(p.numel() for k, p in M.FM(c).named_parameters() if k.startswith(TRAINED)) + (c["dim"] + 1) * 64 * 7
    print(f"{n / 1e6:.2f} M parameters are trained", flush=True)
    t = lambda *s: torch.zeros(*s).share_memory_()
    group = (t(workers, n), t(1), mp.get_context("spawn").Barrier(workers))
    if DEVICE == "cuda":
        assert workers == 1, "a GPU takes one worker"
        torch.backends.cuda.matmul.allow_tf32 = True
        worker(0, folder, out, seconds, B, peak, warm_start, group)
    else:
        mp.spawn(worker, (folder, out, seconds, B, peak, warm_start, group), nprocs=workers)

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, out, seconds, B, workers = sys.argv[1:6]
    train(folder, out, float(seconds), int(B), int(workers), float((sys.argv[6:7] or ["1.5e-3"])[0]), *sys.argv[7:8])
