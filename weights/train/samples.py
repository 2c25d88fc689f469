"""Draws the demo's sample images from fixed test seeds: python -m train.samples demo/samples"""

import argparse
from pathlib import Path

import world
from world.names import SCENES

SIDE = 256
# Which picture of a class, counted among the test seeds; chosen by eye for variety of light.
CHOSEN = {"beach": 2, "harbour": 9, "farm": 10, "mountain lake": 6, "street": 9, "night city": 7}


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
