"""Draws the pictures of strokes.mjs: python tools/bench/stroke_pictures.py FOLDER

64 test scenes of 144 pixels, the scene classes in turn: pictures.bin (64, 144, 144, 3), labels.bin (64, 144, 144) uint8, facts.json. Needs
numpy and pillow.
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "weights" / "training"))

import world
from world.names import LABELS, SCENES

SIDE, COUNT = 144, 64


def main(folder):
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    drawn = [world.draw(seed, SIDE) for seed in world.seeds("test", COUNT)]
    (out / "pictures.bin").write_bytes(np.stack([np.asarray(one.image)[..., :3] for one in drawn]).astype(np.uint8).tobytes())
    (out / "labels.bin").write_bytes(np.stack([np.asarray(one.labels) for one in drawn]).astype(np.uint8).tobytes())
    (out / "facts.json").write_text(json.dumps({"side": SIDE, "count": COUNT, "labels": LABELS, "scenes": len(SCENES)}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
