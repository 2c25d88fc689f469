"""Writes what PyTorch answers with the embedded checkpoints, for tests/node/embedded.test.mjs:
python -m train.answers ../../tests/fixtures/embedded.json    (from weights/training/, after `install`)

The input is a formula, pixel_values[i] = sin(i / 97), so that no picture has to be decoded the same way.
"""

import json
import sys
from pathlib import Path

import torch
import transformers

from .dvae import load_tokenizer, map_pixels
from .models import GRID, SIDE

EMBEDDED = Path(__file__).parents[2] / "embedded"
EVERY = 8  # of the segmentation's positions, in both directions
HIDDEN = 3  # every third patch


def model(name, kind):
    return getattr(transformers, kind).from_pretrained(EMBEDDED / name, torch_dtype=torch.float32).eval()


def rounded(tensor):
    return [float(f"{x:.7g}") for x in tensor.flatten().tolist()]


@torch.no_grad()
def main():
    pixels = torch.sin(torch.arange(3 * SIDE**2, dtype=torch.float64) / 97).float().view(1, 3, SIDE, SIDE)
    mask = torch.arange(GRID**2)[None] % HIDDEN == 0
    masked = model("masked-image-modeling", "BeitForMaskedImageModeling")(pixels, bool_masked_pos=mask).logits[mask]
    answers = {
        "classifier": rounded(model("classifier", "BeitForImageClassification")(pixels).logits),
        "segmentation": rounded(model("segmentation", "BeitForSemanticSegmentation")(pixels).logits[..., ::EVERY, ::EVERY]),
        "masked-image-modeling": {"tokens": masked.argmax(-1).tolist(), "logits": rounded(masked.amax(-1))},
        "tokenizer": load_tokenizer(EMBEDDED / "tokenizer")[0](map_pixels(pixels / 2 + 0.5)).argmax(1).flatten().tolist(),
    }
    Path(sys.argv[1]).write_text(json.dumps({"every": EVERY, "hidden": HIDDEN, **answers}) + "\n")


if __name__ == "__main__":
    main()
