"""Copies what ships from a training folder: weights, and the word tokenizer.   python pack.py OUT MODEL"""
import os, sys
import model as M, tokenizers as T, words as W

TOKENIZERS = ["rgb", "depth", "normal", "semseg", "canny_edge", "scene_global"]

def write(path, data):
    """Whole or not at all."""
    with open(path + ".tmp", "wb") as f:
        f.write(data)
    os.rename(path + ".tmp", path)

if __name__ == "__main__":
    out, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    for name in TOKENIZERS:
        write(f"{folder}/tok_{name}.safetensors", open(f"{out}/tok_{name}.safetensors", "rb").read())
    weights, meta = T.load_st(f"{out}/fm.safetensors", widen=False)
    T.save_st(f"{folder}/fm.tmp", weights, {**meta, "modality_info": M.modality_info(), "knows": M.knowledge()})
    os.rename(f"{folder}/fm.tmp", f"{folder}/fm.safetensors")
    W.save_tokenizer_json(f"{folder}/tokenizer.json")
