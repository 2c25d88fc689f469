"""Draws the demo's sample images from fixed test seeds: python -m train.samples demo/samples"""

import argparse
from pathlib import Path

import world
from world.names import SCENES

SIDE = 256
# Which picture of a class, counted among the test seeds; chosen by eye, before any was classified.
CHOSEN = {"beach": 7, "farm": 10, "harbour": 6, "mountain lake": 4, "night city": 5, "street": 6}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    args = parser.parse_args()
    Path(args.folder).mkdir(parents=True, exist_ok=True)
    first = world.seeds("test", 1)[0]
    for name, turn in CHOSEN.items():
        seed = first + turn * len(SCENES) + SCENES.index(name)
        path = Path(args.folder) / f"{name.replace(' ', '-')}.jpg"
        world.draw(seed, SIDE).image.save(path, quality=90)
        print(f"{path} (seed {seed}, {path.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
