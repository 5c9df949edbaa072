"""What is timed: the same requests for the PyTorch classes and for a 4M Edge server."""

from dataclasses import dataclass

PATCHES = 196
# Published settings of rgb -> anything.
TEMPERATURE = 0.01
TOP_P = 0.8


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    # "rgb" or "caption"
    source: str
    # Modalities of the model, such as "tok_depth@224"; each is made from the source alone. None: features are wanted.
    targets: tuple
    # "roar", "maskgit", "autoregressive", or "encoder"
    scheme: str
    steps: int = 1
    guidance: float = 1.0
    # Of a caption.
    tokens: int = 0
    rounds: int = 5


DEPTH = ("tok_depth@224",)

ROWS = (
    Row("encoder", "features of a picture (encoder alone)", "rgb", (), "encoder"),
    Row("depth", "rgb -> depth", "rgb", DEPTH, "roar"),
    Row("depth_guided", "the same, guided", "rgb", DEPTH, "roar", guidance=2.0),
    Row(
        "three_guided",
        "depth + normal + semseg, guided",
        "rgb",
        ("tok_depth@224", "tok_normal@224", "tok_semseg@224"),
        "roar",
        guidance=2.0,
    ),
    Row("maskgit", "MaskGIT, 8 guided steps", "rgb", DEPTH, "maskgit", 8, 2.0, rounds=3),
    Row(
        "caption_to_rgb",
        "caption -> rgb, MaskGIT, 12 guided steps",
        "caption",
        ("tok_rgb@224",),
        "maskgit",
        12,
        2.0,
        rounds=3,
    ),
    Row("caption_64", "a caption of 64 tokens", "rgb", ("caption",), "autoregressive", tokens=64, rounds=3),
    Row("caption_256", "a caption of 256 tokens", "rgb", ("caption",), "autoregressive", tokens=256, rounds=1),
)

CAPTION = "a lighthouse on a cliff at dusk, waves below"
