"""The paper's claim at this scale: fine-tuning from the pre-trained encoder against the same training from scratch.

python -m train.ablation --cache DIR --run DIR --start MIM --json OUT.json

All runs see as many pictures, by the same rates; only the beginning differs. Labels are the scenes alone.
Top-1 is that of the last step, on test pictures; what has run already is not run again.
"""

import json
import statistics
from pathlib import Path

from .classify import classify_parser, train

ARMS = "pretrained", "scratch"


def run(args, size, arm, seed):
    own = type(args)(**vars(args))
    own.pictures, own.seed, own.start = size, seed, args.start if arm == "pretrained" else None
    own.run = str(Path(args.run) / f"{arm}-{size}-{seed}")
    own.every = own.steps
    return {"pictures": size, "arm": arm, "seed": seed, "top1": train(own, "test")}


def table(rows):
    """Markdown: mean and spread of top-1."""
    lines = ["| labelled pictures | from the pre-trained encoder | from scratch |", "|---|---|---|"]
    for size in sorted({r["pictures"] for r in rows}):
        cells = []
        for arm in ARMS:
            found = [100 * r["top1"] for r in rows if r["pictures"] == size and r["arm"] == arm]
            cells.append(f"{statistics.mean(found):.1f} % ({min(found):.1f} to {max(found):.1f})" if found else "not run")
        lines.append(f"| {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = classify_parser(__doc__, steps=150, batch=32, rate=1e-3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1024], help="labelled pictures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", required=True, help="where the figures of all runs go")
    parser.set_defaults(patch_loss=0.0, layer_decay=1.0, average=0.95, warmup=20)
    args = parser.parse_args()
    path, rows = Path(args.json), []
    if path.exists():
        rows = json.loads(path.read_text())
    # Seeds last, so that an early end leaves whole seeds.
    for seed in args.seeds:
        for size in args.sizes:
            for arm in ARMS:
                if any((r["pictures"], r["arm"], r["seed"]) == (size, arm, seed) for r in rows):
                    continue
                rows.append(run(args, size, arm, seed))
                path.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
