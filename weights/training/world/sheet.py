"""Contact sheets, to look at the world: python -m world.sheet OUT.png [--scene NAME] [--labels]"""

import argparse

import numpy as np
from PIL import Image

from .draw import draw, seeds
from .names import LABELS, SCENES


def palette():
    """A colour for each label, apart from each other and the same every time."""
    return np.random.default_rng(5).integers(30, 240, (len(LABELS), 3)).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--scene", choices=SCENES, help="only this class")
    parser.add_argument("--split", default="train")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--labels", action="store_true", help="the label maps instead")
    args = parser.parse_args()
    count = args.columns * args.rows
    chosen = seeds(args.split, count * len(SCENES))
    chosen = [s for s in chosen if args.scene in (None, SCENES[s % len(SCENES)])][:count]
    sheet = Image.new("RGB", (args.columns * args.size, args.rows * args.size))
    for i, seed in enumerate(chosen):
        picture = draw(seed, args.size)
        tile = Image.fromarray(palette()[picture.labels]) if args.labels else picture.image
        sheet.paste(tile, (i % args.columns * args.size, i // args.columns * args.size))
    sheet.save(args.out)


if __name__ == "__main__":
    main()
