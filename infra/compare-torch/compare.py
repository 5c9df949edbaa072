"""
Times of the PyTorch code of 4M (float32, and bfloat16 as its `--dtype bf16`) beside those of 4M Edge (fp32 and
int8) on one checkpoint, on this machine: the same inputs, settings and threads, medians of rounds in which all
take turns. Ours are asked over HTTP. See README.md here.
"""

import argparse
import json
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path
from statistics import median

from rows import ROWS

COMMIT = "cda590faa3b9f022c28537193d3e1650527646a3"
ARCHIVE = f"https://github.com/apple/ml-4m/archive/{COMMIT}.tar.gz"
SIZES = {"B": (768, 12, 12), "L": (1024, 24, 16), "XL": (2048, 24, 32)}
DOMAINS = ["caption", "det", "rgb@224", "tok_rgb@224", "tok_depth@224", "tok_normal@224", "tok_semseg@224", "tok_clip@224"]
HERE = Path(__file__).resolve().parent
SIDES = ("torch fp32", "torch bf16", "ours fp32", "ours int8")


def fetch_code(data: Path) -> Path:
    """The reference's code, which is not ours to pass on: it is fetched once, onto this machine."""
    code = data / f"ml-4m-{COMMIT}"
    if not code.exists():
        print(f"fetching {ARCHIVE}", file=sys.stderr)
        archive, _ = urllib.request.urlretrieve(ARCHIVE)
        with tarfile.open(archive) as files:
            files.extractall(data, filter="data")
    return code


def random_checkpoint(code: Path, data: Path, size: str) -> Path:
    """A folder with a model of that size as the reference's classes initialise it, and its text tokenizer."""
    folder = data / f"random-{size}"
    if (folder / "model.safetensors").exists():
        return folder
    import torch
    from reference import import_reference
    from safetensors.torch import save_file

    FM, _ = import_reference(code)
    dim, depth, heads = SIZES[size]
    config = {
        "domains_in": DOMAINS,
        "domains_out": [name for name in DOMAINS if name != "rgb@224"],
        "image_size": 224,
        "patch_size": 16,
        "norm_bias": False,
        "act_layer": "SiLU",
        "dim": dim,
        "encoder_depth": depth,
        "decoder_depth": depth,
        "num_heads": heads,
        "mlp_ratio": 4,
        "qkv_bias": False,
        "proj_bias": False,
        "mlp_bias": False,
        "gated_mlp": True,
        "share_modality_embeddings": False,
    }
    torch.manual_seed(0)
    model = FM(dict(config))
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    folder.mkdir(parents=True)
    save_file(weights, folder / "model.safetensors", {key: str(value) for key, value in config.items()})
    tokenizer = next((code / "fourm/utils/tokenizer/trained").glob("*.json"))
    shutil.copy(tokenizer, folder / "tokenizer.json")
    return folder


class Torch:
    """The reference in a process of its own, so that its memory can be told."""

    def __init__(self, code: Path, checkpoint: Path, dtype: str, threads: int):
        command = [sys.executable, "reference.py", str(code), str(checkpoint), dtype, str(threads)]
        self.process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self.read()["ready"]

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the reference ended early: what it printed is above")
        return json.loads(line)

    def answer(self, row) -> dict:
        self.process.stdin.write(f"{row.name}\n")
        self.process.stdin.flush()
        return self.read()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(row, sides: dict, limit: float, rounds: int) -> dict:
    """Medians, lowest and processor time in seconds, by side; a side whose first round takes longer than the limit has no others."""
    taken = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, answer in sides.items():
            if taken[name] and taken[name][-1]["seconds"] > limit:
                continue
            result = answer(row)
            # The first round finds nothing warm: it counts only where it is the last.
            if turn == 1:
                taken[name].clear()
            taken[name].append(result)
    of = lambda how, key: {name: how(result[key] for result in results) for name, results in taken.items()}
    return {
        "seconds": of(median, "seconds"),
        "lowest": of(min, "seconds"),
        "processor": of(min, "processor"),
        "tokens": of(max, "tokens"),
        "megabytes": {name: results[-1]["megabytes"] for name, results in taken.items() if "megabytes" in results[-1]},
    }


def processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{len(names)} threads of {names[0] if names else platform.machine()}"


def print_table(results: dict, sides: list, which: str) -> None:
    titles = {row.name: row.title for row in ROWS}
    ratios = [pair for pair in (("torch fp32", "ours fp32"), ("torch bf16", "ours int8")) if set(pair) <= set(sides)]
    header = [{"seconds": "median seconds", "lowest": "lowest seconds", "processor": "processor seconds"}[which], *sides, *(f"{slow} / {fast}" for slow, fast in ratios)]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for name, result in results.items():
        seconds = result[which]
        cells = [f"{seconds[side]:.3g}" if side in seconds else "" for side in sides]
        cells += [f"{seconds[slow] / seconds[fast]:.2f}" for slow, fast in ratios if {slow, fast} <= set(seconds)]
        print("| " + " | ".join([titles[name], *cells]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path, help="folder with model.safetensors and the text tokenizer")
    source.add_argument("--random", choices=SIZES, help="random weights of that size")
    parser.add_argument("--reference", type=Path, help="the code of apple/ml-4m, where it is here already")
    parser.add_argument("--data", type=Path, default=Path(".data/compare-torch"), help="for code, exports and results")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", default=",".join(row.name for row in ROWS), help="names, with commas between them")
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument(
        "--show",
        choices=("seconds", "lowest", "processor"),
        default="seconds",
        help="medians, the lowest of the rounds, or processor time: with one thread what other work takes is not in it",
    )
    parser.add_argument("--rounds", type=int, default=0, help="of each row, in place of its own number")
    parser.add_argument("--limit", type=float, default=30, help="seconds beyond which a row is not repeated")
    options = parser.parse_args()
    data = options.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    code = (options.reference or fetch_code(data)).resolve()
    folder = (options.checkpoint or random_checkpoint(code, data, options.random)).resolve()
    wanted = options.sides.split(",")

    # Told to end, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from server import Server, export

    models = data / f"models-{folder.name}"
    precisions = [name.split()[1] for name in wanted if name.startswith("ours")]
    for precision in precisions:
        export(folder, models, precision)
    torches = {}
    server = Server(models, data, options.threads) if precisions else None
    try:
        for name, dtype in (("torch fp32", "float32"), ("torch bf16", "bfloat16")):
            if name in wanted:
                torches[name] = Torch(code, folder / "model.safetensors", dtype, options.threads)
        sides = {name: torches[name].answer for name in torches}
        for precision in precisions:
            sides[f"ours {precision}"] = lambda row, precision=precision: server.answer(row, precision)
        print(f"{processor()}; {options.threads} used; torch {next(iter(torches.values())).version if torches else '-'}")
        # Results of earlier calls stay, so that rows can be measured one after the other.
        file = data / f"results-{folder.name}-{options.threads}.json"
        results = json.loads(file.read_text()) if file.exists() else {}
        for row in ROWS:
            if row.name not in options.rows.split(","):
                continue
            results[row.name] = measure(row, sides, options.limit, options.rounds or row.rounds)
            print(row.name, json.dumps(results[row.name]), file=sys.stderr, flush=True)
            file.write_text(json.dumps(results, indent=1))
        shown = [name for name in SIDES if any(name in result["seconds"] for result in results.values())]
        print_table(results, shown, options.show)
        if server:
            print(f"worker, all its precisions: {server.megabytes():.0f} MB at most")
    finally:
        for torch_side in torches.values():
            torch_side.close()
        if server:
            server.close()


if __name__ == "__main__":
    main()
