"""Fine-tunes BEiT for segmentation, the encoder beginning as the classifier's, or all as another segmentation
checkpoint's: python -m train.segment --cache DIR --run DIR --start FOLDER

UPerHead's finest level is nine tenths of a step. So it sees a window of the picture, elsewhere for each
batch: three times the pictures for the same work. The loss is cross-entropy and, since the mean IoU counts
rare labels as much as common ones, one minus the soft IoU of the labels in the batch.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from world.names import IGNORED, SEGMENT_ID_OF_LABEL, SEGMENTS

from .augment import augment
from .loop import Loop, encoder_decay, stage_parser
from .models import GRID, PATCH, SIDE, pixels_of, save_checkpoint, segmentation, take
from .pictures import load_split

CELLS = 7  # side of the window, in patches
UP = 4  # positions of the finest level a patch
REACH = 2  # two 3 x 3 convolutions at the finest level see this far
TO_SEGMENT = torch.tensor(SEGMENT_ID_OF_LABEL)


def _resized(x, like):
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def _resized_window(x, side, rows, columns):
    """The window (rows, columns) of x (B, C, n, n) resized bilinearly to side x side, as two products."""
    batch, channels, n, _ = x.shape
    weights = F.interpolate(torch.eye(n)[None], size=side, mode="linear", align_corners=False)[0].T.to(x.dtype)
    x = x.permute(0, 2, 3, 1).reshape(batch, n, n * channels)
    x = (weights[rows] @ x).view(batch, -1, n, channels)
    return (weights[columns] @ x).permute(0, 3, 1, 2)


def window_logits(model, pixels, top, left, cells=CELLS):
    """What BeitForSemanticSegmentation says, for a window of `cells` patches: (B, labels, UP cells, UP cells).

    Right only further than REACH from the window's sides, unless they are the picture's.
    """
    states = model.beit(pixels, output_hidden_states=True, return_dict=True).hidden_states
    grid = model.config.image_size // model.config.patch_size
    taps = [states[i - 1][:, 1:].transpose(1, 2).unflatten(2, (grid, grid)) for i in model.config.out_indices]
    taps[0] = taps[0][..., top:top + cells, left:left + cells]  # fpn1 looks at each position alone
    taps = [fpn(tap) for fpn, tap in zip((model.fpn1, model.fpn2, model.fpn3, model.fpn4), taps)]
    head = model.decode_head
    levels = [convolution(tap) for convolution, tap in zip(head.lateral_convs, taps)] + [head.psp_forward(taps)]
    for i in (3, 2):
        levels[i - 1] = levels[i - 1] + _resized(levels[i], levels[i - 1])

    def window(x):
        return _resized_window(x, UP * grid, slice(UP * top, UP * (top + cells)), slice(UP * left, UP * (left + cells)))

    parts = [head.fpn_convs[0](levels[0] + window(levels[1]))]
    parts += [window(head.fpn_convs[i](levels[i])) for i in (1, 2)] + [window(levels[3])]
    return head.classifier(head.fpn_bottleneck(torch.cat(parts, dim=1)))


def _sure(first, cells, grid):
    """Which positions of a window's side are right."""
    return slice(REACH if first else 0, -REACH if first + cells < grid else None)


def losses(logits, labels):
    """logits (B, C, S, S), labels (B, S, S)."""
    log_p = F.log_softmax(logits, dim=1)
    counts = (labels != IGNORED)[:, None]
    truth = F.one_hot(labels.clamp(max=logits.shape[1] - 1), logits.shape[1]).permute(0, 3, 1, 2) * counts.float()
    entropy = -(log_p * truth).sum() / counts.sum().clamp(min=1)
    p = log_p.exp() * counts
    both, said, drawn = (p * truth).sum((0, 2, 3)), p.sum((0, 2, 3)), truth.sum((0, 2, 3))
    there = drawn > 0
    return {"entropy": entropy, "overlap": 1 - (both / (said + drawn - both))[there].mean()}


def iou(table):
    """(C, C) counts, rows drawn and columns said -> (C) IoU."""
    right = table.diagonal()
    return right / (table.sum(0) + table.sum(1) - right).clamp(min=1)


@torch.no_grad()
def confusion(model, pixels, labels):
    count = len(SEGMENTS)
    table = torch.zeros(count * count, dtype=torch.int64)
    for part, truth in zip(pixels.split(64), labels.split(64)):
        logits = model(part.to(next(model.parameters()).dtype)).logits.float()
        said = F.interpolate(logits, size=truth.shape[1:], mode="bilinear", align_corners=False).argmax(1)
        table += torch.bincount((truth * count + said)[truth != IGNORED], minlength=count * count)
    return table.view(count, count)


def figures(table):
    each = iou(table)
    worst = each.argsort()[:4].tolist()
    return {"mean_iou": each.mean().item(), "pixels": (table.diagonal().sum() / table.sum()).item(),
            **{f"iou_{SEGMENTS[i]}": each[i].item() for i in worst}}


def main():
    parser = stage_parser(__doc__, steps=2000, batch=32, rate=1.5e-3)
    parser.add_argument("--start", required=True, help="checkpoint folder whose encoder, and head if it has one, is the beginning")
    parser.add_argument("--layer-decay", type=float, default=0.8)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    pictures, _ = load_split(args.cache, "train", args.pictures, 112)
    held = load_split(args.cache, "validation", args.validation, SIDE)[0]
    held = pixels_of(held), TO_SEGMENT[torch.from_numpy(held[..., 3]).long()]
    model = segmentation()
    take(model, load_file(Path(args.start) / "model.safetensors"), ("beit.", "fpn", "decode_head."))
    loop = Loop(args, model, lambda name: encoder_decay(name, model.config.num_hidden_layers, args.layer_decay))

    def batch_losses(work, chosen, generator, progress):
        pixels, labels = augment(torch.from_numpy(pictures[chosen]), SIDE, generator, erase=0)
        top, left = torch.randint(0, GRID - CELLS + 1, (2,), generator=generator).tolist()
        logits = window_logits(work, pixels.to(loop.dtype), top, left).float()
        sure = [slice(*(2 * x if x else x for x in (s.start, s.stop))) for s in
                (_sure(top, CELLS, GRID), _sure(left, CELLS, GRID))]
        logits = F.interpolate(logits, scale_factor=SIDE // (UP * GRID), mode="bilinear", align_corners=False)
        truth = labels[:, PATCH * top:PATCH * (top + CELLS), PATCH * left:PATCH * (left + CELLS)]
        return losses(logits[:, :, sure[0], sure[1]], TO_SEGMENT[truth[:, sure[0], sure[1]]])

    loop.run(batch_losses, lambda mean: figures(confusion(mean, *held)),
             lambda mean: save_checkpoint(Path(args.run) / "best", mean))


if __name__ == "__main__":
    main()
