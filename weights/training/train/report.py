"""Tables and pictures of the model card, from what was measured:
python -m train.report --figures figures.json --ablation ablation.json --out weights/training/figures

Prints Markdown; writes confusion.svg and pretraining.svg.
"""

import argparse
import json
from pathlib import Path

from .ablation import ARMS, table

INK, SOFT = "#6e7781", "#d0d7de"  # readable on light and dark
COLORS = {"pretrained": "#1f77b4", "scratch": "#ff7f0e"}


def percent(x):
    return "not drawn" if x is None else f"{100 * x:.1f} %"


def svg(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11" fill="{INK}">'
    return "\n".join([head, *parts, "</svg>", ""])


def text(x, y, words, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{words}</text>'


def confusion_svg(names, counts):
    """Rows: what was drawn; columns: what the classifier says. Mistakes are red, in shades of their share."""
    cell, left, top = 26, 100, 90
    parts = []
    for i, name in enumerate(names):
        x, y = left + i * cell, top + i * cell
        parts.append(text(left - 6, y + cell * 0.65, name, "end"))
        parts.append(text(0, 0, name, "start", f'transform="translate({x + cell * 0.65:.1f} {top - 6}) rotate(-60)"'))
        total = sum(counts[i])
        for j, count in enumerate(counts[i]):
            shade = count / total if i == j else min(1, 8 * count / total)
            color = "#1a7f37" if i == j else "#cf222e"
            at = f'x="{left + j * cell}" y="{y}" width="{cell - 1}" height="{cell - 1}"'
            parts.append(f'<rect {at} fill="{color}" fill-opacity="{0.75 * shade:.3f}" stroke="{SOFT}" stroke-width="0.5"/>')
            if count:
                parts.append(text(left + (j + 0.5) * cell, y + cell * 0.65, count, "middle"))
    side = len(names) * cell
    return svg(left + side + 30, top + side + 6, parts)


def pretraining_svg(rows):
    """Top-1 of each run as a dot, the means as lines."""
    width, height, left, bottom, top = 460, 260, 50, 220, 16
    low = 10 * int(min(r["top1"] for r in rows) * 10 - 1e-9)

    def y(share):
        return bottom - (100 * share - low) / (100 - low) * (bottom - top)

    parts = []
    for tick in range(low, 101, 10):
        parts.append(f'<line x1="{left}" x2="{width - 10}" y1="{y(tick / 100):.1f}" y2="{y(tick / 100):.1f}" stroke="{SOFT}"/>')
        parts.append(text(left - 6, y(tick / 100) + 4, f"{tick} %", "end"))
    sizes = sorted({r["pictures"] for r in rows})
    at = {size: left + (i + 0.5) / len(sizes) * (width - left) for i, size in enumerate(sizes)}
    for size in sizes:
        parts.append(text(at[size], bottom + 18, f"{size} labelled pictures", "middle"))
    for i, arm in enumerate(ARMS):
        means = []
        for size in sizes:
            found = [r["top1"] for r in rows if r["arm"] == arm and r["pictures"] == size]
            parts += [f'<circle cx="{at[size]:.1f}" cy="{y(x):.1f}" r="4" fill="{COLORS[arm]}" fill-opacity="0.6"/>' for x in found]
            if found:
                means.append(f"{at[size]:.1f},{y(sum(found) / len(found)):.1f}")
        parts.append(f'<polyline points="{" ".join(means)}" fill="none" stroke="{COLORS[arm]}" stroke-width="2"/>')
        name = "from the pre-trained encoder" if arm == "pretrained" else "from scratch"
        parts.append(text(left + 10 + 200 * i, height - 6, f"● {name}", "start", f'style="fill:{COLORS[arm]}"'))
    return svg(width, height, parts)


def scene_table(names, counts):
    lines = ["| scene | recall | precision | most often taken for |", "|---|---|---|---|"]
    for i, name in enumerate(names):
        wrong = [0 if i == j else count for j, count in enumerate(counts[i])]
        other = f"{names[wrong.index(max(wrong))]} ({max(wrong)})" if any(wrong) else "none"
        said = sum(row[i] for row in counts)
        lines.append(f"| {name} | {percent(counts[i][i] / sum(counts[i]))} | {percent(counts[i][i] / said if said else None)} | {other} |")
    return "\n".join(lines)


def segment_table(names, f32, int8):
    total = sum(map(sum, f32["confusion"]))
    lines = ["| label | share of pixels | IoU f32 | IoU int8 | pixels right |", "|---|---|---|---|---|"]
    for i, name in enumerate(names):
        row = f32["confusion"][i]
        lines.append(f"| {name} | {100 * sum(row) / total:.2f} % | {percent(f32['iou'][i])} | {percent(int8['iou'][i])} | "
                     f"{percent(row[i] / sum(row) if sum(row) else None)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", required=True, help="what measure.mjs has written")
    parser.add_argument("--ablation", help="what train.ablation has written")
    parser.add_argument("--out", required=True, help="folder for the pictures")
    args = parser.parse_args()
    figures = json.loads(Path(args.figures).read_text())
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    scenes, segments = figures["scenes"], figures["segments"]
    (out / "confusion.svg").write_text(confusion_svg(scenes, figures["classifier"]["f32"]["confusion"]))
    for task, found in figures.items():
        for dtype in ("f32", "int8"):
            if isinstance(found, dict) and dtype in found:
                short = {key: round(value, 4) for key, value in found[dtype].items() if isinstance(value, (int, float))}
                print(f"{task} {dtype}, {found['count']} pictures of {found['split']}: {short}")
    print("\n" + scene_table(scenes, figures["classifier"]["f32"]["confusion"]))
    if "segmentation" in figures:
        print("\n" + segment_table(segments, figures["segmentation"]["f32"], figures["segmentation"]["int8"]))
    if args.ablation:
        rows = json.loads(Path(args.ablation).read_text())
        (out / "pretraining.svg").write_text(pretraining_svg(rows))
        print("\n" + table(rows))


if __name__ == "__main__":
    main()
