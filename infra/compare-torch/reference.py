"""
The PyTorch code of 4M, its own classes at a pinned commit, answering rows of `rows.py`. It runs as a process
of its own: a line with a row's name comes in, a line of JSON with its seconds goes out.

    python reference.py CODE CHECKPOINT float32|bfloat16 THREADS
"""

import importlib
import json
import resource
import sys
import time
import types
from pathlib import Path

import numpy as np
import torch
import yaml
from rows import CAPTION, PATCHES, ROWS, TEMPERATURE, TOP_P
from safetensors import safe_open

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def import_reference(code: Path):
    """
    Imports the model and its sampler. Their packages import training, data sets and loggers as well, which
    want a dozen more dependencies: the packages stay empty here, the modules in them are the reference's own.
    Transforms of training data are named by the table of modalities and never called.
    """
    sys.path.insert(0, str(code))
    for name in ("fourm", "fourm.utils", "fourm.utils.tokenizer", "fourm.utils.timm", "fourm.data", "fourm.models"):
        package = types.ModuleType(name)
        package.__path__ = [str(code / name.replace(".", "/"))]
        sys.modules[name] = package
    text = importlib.import_module("fourm.utils.tokenizer.text_tokenizer")
    utils = sys.modules["fourm.utils"]
    utils.get_sentinel_to_id_mapping = text.get_sentinel_to_id_mapping
    utils.merge_span_masking = text.merge_span_masking
    utils.generate_uint15_hash = lambda text: int(__import__("hashlib").sha256(text.encode()).hexdigest(), 16) % 32767

    class Unused:
        def __init__(self, *_, **__):
            pass

    transforms = types.ModuleType("fourm.data.modality_transforms")
    transforms.__getattr__ = lambda _: Unused
    sys.modules["fourm.data.modality_transforms"] = transforms
    fm = importlib.import_module("fourm.models.fm")
    generate = importlib.import_module("fourm.models.generate")
    return fm.FM, generate


def config_of(metadata: dict) -> dict:
    """The config as the reference reads it from a checkpoint's metadata."""
    return {key: yaml.safe_load(value.replace("None", "null")) for key, value in metadata.items()}


DEFAULTS = {"image_size": 224, "patch_size": 16, "norm_bias": False, "share_modality_embeddings": False}


def load(code: Path, checkpoint: Path):
    FM, generate = import_reference(code)
    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata() or {}
        beside = checkpoint.parent / "config.json"
        # A checkpoint of the hub has its config beside it.
        config = config_of(metadata) if "domains_in" in metadata else json.loads(beside.read_text())
        config = {**DEFAULTS, **config.get("config", config)}
        weights = {name: file.get_tensor(name) for name in file.keys()}
    known = FM.__mro__[1].__init__.__code__.co_varnames
    wanted = ("domains_in", "domains_out", "image_size", "patch_size", "norm_bias", *known)
    model = FM({key: value for key, value in config.items() if key in wanted})
    model.load_state_dict(weights)
    return model.eval(), generate


def picture() -> torch.Tensor:
    """(1, 3, 224, 224) standardised; the server is sent the same one as a file."""
    pixels = picture_pixels().astype(np.float32) / 255
    standard = (pixels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return torch.from_numpy(standard).permute(2, 0, 1).unsqueeze(0)


def picture_pixels() -> np.ndarray:
    """(224, 224, 3) bytes: waves, the same every time."""
    y, x = np.mgrid[0:224, 0:224]
    waves = [np.sin(x / 17 + i) * np.cos(y / (11 + i)) for i in range(3)]
    return np.stack([(127.5 * (1 + wave)).astype(np.uint8) for wave in waves], axis=-1)


class Reference:
    def __init__(self, code: Path, checkpoint: Path):
        self.model, self.generate = load(code, checkpoint)
        self.sampler = self.generate.GenerationSampler(self.model)
        file = next(iter(sorted((code / "fourm/utils/tokenizer/trained").glob("*.json"))))
        self.tokenizer = importlib.import_module("tokenizers").Tokenizer.from_file(str(file))

    def known(self, source: str) -> dict:
        info = self.model.modality_info
        if source == "rgb":
            known = {"rgb@224": {"tensor": picture()}}
            return self.generate.init_full_input_modality(known, info, "rgb@224", "cpu")
        return self.generate.custom_text(
            {}, CAPTION, "[EOS]", "caption", "cpu", self.tokenizer, target_max_len=2
        )

    def target(self, row, target: str, seed: int) -> int:
        """Makes one target from the source. @returns its number of tokens"""
        info = self.model.modality_info
        tokens = row.tokens or PATCHES
        known = self.known(row.source)
        known = self.generate.init_empty_target_modality(known, info, target, 1, tokens + 1 if row.tokens else tokens, "cpu")
        schedule = self.generate.build_chained_generation_schedules(
            cond_domains=["rgb@224" if row.source == "rgb" else "caption"],
            target_domains=[target],
            tokens_per_target=[tokens],
            autoregression_schemes=[row.scheme],
            decoding_steps=[row.steps],
            token_decoding_schedules=["cosine"],
            temps=[0.0 if row.tokens else TEMPERATURE],
            temp_schedules=["constant"],
            cfg_scales=[row.guidance],
            cfg_schedules=["constant"],
        )
        made = self.sampler.generate(
            known, schedule, text_tokenizer=self.tokenizer, seed=seed, top_p=0.0 if row.tokens else TOP_P
        )
        return int(made[target]["tensor"].shape[1])

    def features(self, source: str) -> int:
        """The encoder's outputs for a source, and their mean. @returns its number of tokens"""
        known = {name: self.model.encoder_embeddings[name](given) for name, given in self.known(source).items()}
        tokens, places, mask, _ = self.sampler.forward_mask_encoder_generation(known)
        features = self.model.forward_encoder(tokens + places, mask)
        features.mean(dim=1)
        return int(features.shape[1])

    @torch.no_grad()
    def answer(self, row, seed: int) -> dict:
        started, processor = time.perf_counter(), time.process_time()
        if row.scheme == "encoder":
            tokens = self.features(row.source)
        else:
            tokens = sum(self.target(row, target, seed) for target in row.targets)
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"seconds": seconds, "processor": processor, "tokens": tokens, "megabytes": peak}


def main() -> None:
    code, checkpoint, dtype, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    reference = Reference(Path(code), Path(checkpoint))
    rows = {row.name: row for row in ROWS}
    print(json.dumps({"ready": torch.__version__}), flush=True)
    # As `run_generation.py --dtype bf16`, but entered once: weights are narrowed once, not for each request.
    narrow = torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16")
    with narrow:
        for seed, line in enumerate(sys.stdin):
            print(json.dumps(reference.answer(rows[line.strip()], seed)), flush=True)


if __name__ == "__main__":
    main()
