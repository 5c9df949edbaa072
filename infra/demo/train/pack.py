"""Copies what ships from a training folder: weights, and the word tokenizer.   python pack.py OUT MODEL"""
import os, sys
import tokenizers as T

NAMES = ["fm", "tok_rgb", "tok_depth", "tok_normal", "tok_semseg", "tok_canny_edge", "tok_scene_global"]

if __name__ == "__main__":
    out, model = sys.argv[1:3]
    os.makedirs(model, exist_ok=True)
    for name in NAMES:
        data = open(f"{out}/{name}.safetensors", "rb").read()
        with open(f"{model}/{name}.tmp", "wb") as f:
            f.write(data)
        os.rename(f"{model}/{name}.tmp", f"{model}/{name}.safetensors")
    T.save_tokenizer_json(f"{model}/tokenizer.json")
