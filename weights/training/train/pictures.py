"""The drawn pictures of a split with their pixel labels, kept on disk so that each is drawn once.

python -m train.pictures --cache DIR --split train --count 16384
"""

import argparse
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

import world
from world.names import SCENES

DRAWN = 144  # side of a picture as the world draws it
CHUNK = 512  # pictures in one file; a multiple of the number of scene classes


def _chunks(cache, split, count, side):
    """(index, pictures, path) of the files that hold the first `count`; the last may hold a part of a chunk."""
    for index in range(-(-count // CHUNK)):
        size = min(CHUNK, count - index * CHUNK)
        whole = Path(cache) / f"{split}-{side}-{index:05d}.npy"
        if size == CHUNK or whole.exists():
            yield index, CHUNK, whole
        else:
            yield index, size, whole.with_stem(f"{whole.stem}-first-{size}")


def _draw_chunk(job):
    path, split, side, index, size = job
    pictures = np.empty((size, side, side, 4), np.uint8)  # red, green, blue, label
    for i, seed in enumerate(world.seeds(split, index * CHUNK + size)[index * CHUNK:]):
        drawn = world.draw(seed, DRAWN)
        # Bicubic, as the checkpoint's image processor resizes.
        pictures[i, ..., :3] = drawn.image.resize((side, side), Image.Resampling.BICUBIC)
        labels = Image.fromarray(drawn.labels)
        pictures[i, ..., 3] = labels.resize((side, side), Image.Resampling.NEAREST)
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        np.save(file, pictures)
    part.rename(path)  # a file with its final name is whole
    return size


def draw_split(cache, split, count, side, workers=1):
    """Draws what is missing."""
    Path(cache).mkdir(parents=True, exist_ok=True)
    jobs = [(path, split, side, index, size) for index, size, path in _chunks(cache, split, count, side)]
    missing = [job for job in jobs if not job[0].exists()]
    start, done = time.time(), 0
    with get_context("spawn").Pool(workers) as pool:
        for size in pool.imap_unordered(_draw_chunk, missing):
            done += size
            print(f"{split}: {done} pictures drawn, {done / (time.time() - start):.0f} a second", flush=True)


def load_split(cache, split, count, side):
    """(pictures (count, side, side, 4) uint8: RGB and label; scene ids (count,) int64)."""
    paths = [path for _, _, path in _chunks(cache, split, count, side)]
    missing = [p.name for p in paths if not p.exists()]
    if missing:
        raise SystemExit(f"{len(missing)} files are missing in {cache}, the first is {missing[0]}: "
                         f"run python -m train.pictures --split {split} first")
    pictures = np.concatenate([np.load(p) for p in paths])[:count]
    scenes = np.array(world.seeds(split, count)) % len(SCENES)
    return pictures, scenes.astype(np.int64)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", required=True, help="folder outside the repository")
    parser.add_argument("--split", choices=("train", "validation", "test"), required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--side", type=int, default=112,
                        help="side as kept: larger than the model's where training crops")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    draw_split(args.cache, args.split, args.count, args.side, args.workers)


if __name__ == "__main__":
    main()
