"""Held-out accuracy of a saved checkpoint, the way a user runs it: transformers loads the folder,
its image processor reads the drawn picture, float32.

python -m train.evaluate weights/classifier --count 4096 [--json OUT.json]
"""

import argparse
import json

import numpy as np
import torch
from transformers import BeitForImageClassification, BeitImageProcessor

import world
from world.names import SCENES

from .pictures import DRAWN


@torch.no_grad()
def confusion(folder, split, count, progress=None):
    """(scenes, scenes) counts: rows are what was drawn, columns what the checkpoint says."""
    model = BeitForImageClassification.from_pretrained(folder, torch_dtype=torch.float32).eval()
    processor = BeitImageProcessor.from_pretrained(folder)
    table = np.zeros((len(SCENES), len(SCENES)), int)
    seeds = list(world.seeds(split, count))
    for start in range(0, count, 64):
        drawn = [world.draw(seed, DRAWN) for seed in seeds[start:start + 64]]
        inputs = processor([d.image for d in drawn], return_tensors="pt")
        for picture, answer in zip(drawn, model(**inputs).logits.argmax(-1).tolist()):
            table[picture.scene, answer] += 1
        if progress:
            progress(start + len(drawn), np.trace(table) / table.sum())
    return table


def report(table):
    """Markdown: top-1, and for each class its recall, precision and most frequent mistake."""
    lines = ["| scene | pictures | recall | precision | most often taken for |", "|---|---|---|---|---|"]
    for i, name in enumerate(SCENES):
        wrong = table[i].copy()
        wrong[i] = 0
        other = f"{SCENES[wrong.argmax()]} ({wrong.max()})" if wrong.any() else "none"
        said = table[:, i].sum()
        precision = f"{100 * table[i, i] / said:.1f} %" if said else "none"
        lines.append(f"| {name} | {table[i].sum()} | {100 * table[i, i] / table[i].sum():.1f} % | "
                     f"{precision} | {other} |")
    top1 = np.trace(table) / table.sum()
    return f"top-1 {100 * top1:.2f} % of {table.sum()} pictures\n\n" + "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--count", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", help="write the confusion table there")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    table = confusion(args.folder, args.split, args.count)
    print(report(table))
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"split": args.split, "scenes": SCENES, "confusion": table.tolist()}, file)


if __name__ == "__main__":
    main()
