"""Words of 4M Shapes: the vocabulary, and the texts of generated scenes as ids.

  python words.py FOLDER ...      writes text_*.npy of every folder of scene/generate.ts, text_metadata.npy last
"""
import json, os, sys
import numpy as np

WORDS = ("a and in front of left behind right the large small , red green blue yellow purple cyan "
         "sphere box cylinder cone").split()
BINS = 64
VOCAB = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[SOS]", "[EOS]"] + [f"[S_{i}]" for i in range(32)] +
                                    [f"v{a}={i}" for a in range(4) for i in range(BINS)] + WORDS)}
PAD, EOS, S1 = 0, 3, VOCAB["[S_1]"]

def encode_text(s):
    return [VOCAB.get(w, 1) for w in s.lower().replace(",", " , ").split()]

def decode_text(ids):
    ids, words = list(ids), list(VOCAB)
    return " ".join(words[i] for i in (ids[:ids.index(EOS)] if EOS in ids else ids))

# What a text is called in texts.jsonl and in files, and its most ids with [EOS]; ways are nine captions of a scene: the
# caption itself, six phrasings that fix the places, two that do not.
LENGTHS = dict(caption=14, ways=17, det=16, palette=17, metadata=15)
WAYS = 9

def pad_rows(rows, length):
    """Lists of ids -> (n, length) int16, zero-padded."""
    out = np.zeros((len(rows), length), np.int16)
    for i, r in enumerate(rows):
        out[i, :len(r)] = r
    return out

def texts(folder):
    """Arrays of ids (scenes, length), ways (scenes, WAYS, length), of a folder of generated scenes."""
    rows = [json.loads(line) for line in open(f"{folder}/texts.jsonl")]
    ids = lambda s: encode_text(s) + [EOS]
    ways = pad_rows([ids(p) for r in rows for p in [r["caption"]] + r["phrasings"]], LENGTHS["ways"])
    out = {k: pad_rows([ids(r[k]) for r in rows], n) for k, n in LENGTHS.items() if k != "ways"}
    return {"ways": ways.reshape(len(rows), WAYS, -1), **out}

def write_texts(folder):
    for k, a in texts(folder).items():                  # metadata comes last
        np.save(f"{folder}/text_{k}.tmp.npy", a)
        os.rename(f"{folder}/text_{k}.tmp.npy", f"{folder}/text_{k}.npy")

def save_tokenizer_json(path):
    """Hugging Face tokenizers file: WordPiece over a closed vocabulary with the 4M special tokens."""
    added = [dict(id=i, content=w, single_word=i > 3, lstrip=False, rstrip=False, normalized=False, special=True)
             for w, i in VOCAB.items() if i < len(VOCAB) - len(WORDS)]
    model = dict(type="WordPiece", unk_token="[UNK]", continuing_subword_prefix="##", max_input_chars_per_word=100, vocab=VOCAB)
    norm = dict(type="BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    json.dump(dict(version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=norm,
                   pre_tokenizer=dict(type="BertPreTokenizer"), post_processor=None,
                   decoder=dict(type="WordPiece", prefix="##", cleanup=True), model=model), open(path, "w"), indent=1)

if __name__ == "__main__":
    for folder in sys.argv[1:]:
        write_texts(folder)
