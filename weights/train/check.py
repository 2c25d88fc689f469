"""Checks a saved checkpoint against transformers: python -m train.check weights/classifier

Exit status 1 unless transformers loads it with no missing and no unexpected tensor, the file holds
nothing but F16 and the names of the state dict, it is at most 3 MB, and the logits are those of a
model put together from the file by hand.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import BeitConfig, BeitForImageClassification, BeitImageProcessor

import world

LIMIT = 3_000_000  # bytes


def failures(folder):
    """Sentences, one for each thing that does not hold."""
    folder = Path(folder)
    model, info = BeitForImageClassification.from_pretrained(
        folder, output_loading_info=True, torch_dtype=torch.float32)
    for kind, names in info.items():
        if names:
            yield f"transformers reports {kind}: {sorted(names)}"
    with safe_open(folder / "model.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    other = {name: str(t.dtype) for name, t in tensors.items() if t.dtype != torch.float16}
    if other:
        yield f"not F16: {other}"
    size = sum(f.stat().st_size for f in folder.iterdir())
    if size > LIMIT:
        yield f"{size} bytes, more than {LIMIT}"
    config = json.loads((folder / "config.json").read_text())
    if config["architectures"] != ["BeitForImageClassification"]:
        yield f"architectures is {config['architectures']}"
    if not all(torch.isfinite(t).all() for t in tensors.values()):
        yield "a weight is not finite"

    by_hand = BeitForImageClassification(BeitConfig(**config))
    missing, unexpected = by_hand.load_state_dict(
        {name: t.float() for name, t in tensors.items()}, strict=False)
    # Indices are computed from the window, not trained: transformers does not save them.
    missing = [name for name in missing if not name.endswith("relative_position_index")]
    if missing or unexpected:
        yield f"missing {missing}, unexpected {unexpected}"
    processor = BeitImageProcessor.from_pretrained(folder)
    images = [world.draw(seed, 144).image for seed in world.seeds("test", 16)]
    inputs = processor(images, return_tensors="pt")
    with torch.no_grad():
        a, b = model.eval()(**inputs).logits, by_hand.eval()(**inputs).logits
    if not torch.equal(a, b):
        yield f"logits differ by {(a - b).abs().max()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    args = parser.parse_args()
    found = list(failures(args.folder))
    print("\n".join(found) or f"{args.folder}: as transformers saves and loads it")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
