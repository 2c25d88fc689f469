"""Writes test pictures for weights/training/measure.mjs, which runs the library on them:
python -m train.heldout --cache DIR --out DIR --count 2000

pictures.bin (count, 96, 96, 3) and segments.bin (count, 96, 96) uint8, scenes.bin (count) uint8, names.json.
Pictures have the models' size already, resized as the image processor does it.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from world.names import SCENES, SEGMENT_ID_OF_LABEL, SEGMENTS

from .models import SIDE
from .pictures import load_split


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", required=True, help="where train.pictures has drawn the split to, at 96 pixels")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    pictures, scenes = load_split(args.cache, args.split, args.count, SIDE)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "pictures.bin").write_bytes(np.ascontiguousarray(pictures[..., :3]).tobytes())
    (out / "segments.bin").write_bytes(np.array(SEGMENT_ID_OF_LABEL, np.uint8)[pictures[..., 3]].tobytes())
    (out / "scenes.bin").write_bytes(scenes.astype(np.uint8).tobytes())
    (out / "names.json").write_text(json.dumps({
        "split": args.split, "count": args.count, "side": SIDE, "scenes": SCENES, "segments": SEGMENTS}) + "\n")


if __name__ == "__main__":
    main()
