"""Checks saved checkpoints against transformers and against the library: python -m train.check FOLDER...

Exit status 1 unless transformers loads each with no missing and no unexpected tensor, all weights are finite
and F16, the folder is within its size, and the library (dist/, by Node) gives the same logits. A tokenizer,
which transformers does not know, is held against train.dvae.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import world

from .dvae import load_tokenizer, map_pixels
from .models import SIDE
from .pretrain import masks

BYTES = {"BeitForImageClassification": 3_000_000, "BeitForMaskedImageModeling": 3_000_000,
         "BeitForSemanticSegmentation": 7_500_000, "dall-e": 1_000_000}
CLI = Path(__file__).parents[3] / "dist/cli/main.js"
PICTURES = 4


def _library(folder, inputs, *options):
    """What `beit forward` writes."""
    with tempfile.TemporaryDirectory() as scratch:
        given, got = Path(scratch) / "in.safetensors", Path(scratch) / "out.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in inputs.items()}, given)
        done = subprocess.run(["node", CLI, "forward", folder, "--inputs", given, "--outputs", got, *options],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{folder}: {done.stderr.strip()}")
        return load_file(got)


def _pixels():
    """Test pictures (B, 3, S, S) of 0..1."""
    drawn = np.stack([np.array(world.draw(seed, SIDE).image) for seed in world.seeds("test", PICTURES)])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255


def _model_failures(folder, name):
    model, info = getattr(transformers, name).from_pretrained(folder, output_loading_info=True, torch_dtype=torch.float32)
    for kind, names in info.items():
        if names:
            yield f"transformers reports {kind}: {sorted(names)}"
    inputs = {"pixel_values": 2 * _pixels() - 1}
    if name == "BeitForMaskedImageModeling":
        inputs["bool_masked_pos"] = masks(PICTURES, 0).to(torch.uint8)
    with torch.no_grad():
        wanted = model.eval()(**{key: value.bool() if key == "bool_masked_pos" else value for key, value in inputs.items()}).logits
    got = _library(folder, inputs)["logits"]
    worst = (got - wanted).abs().max().item()
    if not worst < 1e-3:
        yield f"logits up to {wanted.abs().max():.2f} differ by {worst:.2g} between transformers and the library"


@torch.no_grad()
def _tokenizer_failures(folder):
    encoder, _ = load_tokenizer(folder)
    pixels = _pixels()
    logits = encoder(map_pixels(pixels))
    got = _library(folder / "encoder.safetensors", {"pixel_values": pixels}, "--class", "DalleEncoder")["logits"]
    worst = (got - logits).abs().max().item()
    if not worst < 1e-3:
        yield f"logits up to {logits.abs().max():.2f} differ by {worst:.2g} between train.dvae and the library"


def failures(folder):
    """Sentences, one for each thing that does not hold."""
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text())
    name = config["architectures"][0] if "architectures" in config else config["model_type"]
    size = sum(file.stat().st_size for file in folder.iterdir())
    if size > BYTES[name]:
        yield f"{size} bytes, more than {BYTES[name]}"
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for key in file.keys():
                tensor = file.get_tensor(key)
                if tensor.is_floating_point() and tensor.dtype != torch.float16:
                    yield f"{path.name}: {key} is {tensor.dtype}, not F16"
                if not torch.isfinite(tensor).all():
                    yield f"{path.name}: {key} is not finite"
    yield from _tokenizer_failures(folder) if name == "dall-e" else _model_failures(folder, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()
    status = 0
    for folder in args.folders:
        found = list(failures(folder))
        print("\n".join(f"{folder}: {sentence}" for sentence in found) or f"{folder}: as transformers and the library read it")
        status = status or bool(found)
    sys.exit(int(status))


if __name__ == "__main__":
    main()
