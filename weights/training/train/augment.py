"""Chance changes of a training batch: framing, mirror, colour, an erased rectangle."""

import torch
import torch.nn.functional as F

from world.names import LABELS


def _framing(batch, generator, scale):
    """Affine grids that show a part of the picture: side `scale` to 1, shifted, half of them mirrored."""
    side = torch.empty(batch).uniform_(*scale, generator=generator)
    stretch = torch.empty(batch).uniform_(-0.1, 0.1, generator=generator).exp()
    width, height = (side * stretch).clamp(max=1), (side / stretch).clamp(max=1)
    shift = torch.empty(batch, 2).uniform_(-1, 1, generator=generator)
    flip = (torch.rand(batch, generator=generator) < 0.5).float() * 2 - 1
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = width * flip, height
    theta[:, 0, 2], theta[:, 1, 2] = shift[:, 0] * (1 - width), shift[:, 1] * (1 - height)
    return theta


def augment(pictures, side, generator, scale=(0.75, 1.0), erase=0.25):
    """pictures (B, S, S, 4) uint8 -> pixel_values (B, 3, side, side) in -1..1, and for each patch
    the label of each pixel (B, side, side). `erase`: how often a rectangle is painted over."""
    batch = len(pictures)
    grid = F.affine_grid(_framing(batch, generator, scale), (batch, 1, side, side),
                         align_corners=False)
    planes = pictures.permute(0, 3, 1, 2)
    colors = F.grid_sample(planes[:, :3].float(), grid, align_corners=False,
                           padding_mode="reflection") / 127.5 - 1
    labels = F.grid_sample(planes[:, 3:].float(), grid, mode="nearest", align_corners=False,
                           padding_mode="reflection")

    def factor(spread):
        return torch.empty(batch, 1, 1, 1).uniform_(-spread, spread, generator=generator)

    gray = colors.mean(dim=1, keepdim=True)
    colors = gray + (colors - gray) * (1 + factor(0.3))
    colors = colors * (1 + factor(0.2)) + factor(0.12)
    for i in torch.nonzero(torch.rand(batch, generator=generator) < erase).flatten().tolist():
        size = torch.randint(side // 8, side // 3, (2,), generator=generator)
        y, x = (torch.randint(0, side, (2,), generator=generator) - size // 2).clamp(min=0)
        colors[i, :, y:y + size[0], x:x + size[1]] = torch.empty(()).uniform_(
            -1, 1, generator=generator)
    return colors, labels[:, 0].round().long()


def patch_shares(labels, patch):
    """(B, S, S) ids -> (B, patches, labels): the share of each label in each patch."""
    batch, side, _ = labels.shape
    across = side // patch
    at = torch.arange(side) // patch
    cell = at[:, None] * across + at[None, :]
    cell = cell + torch.arange(batch)[:, None, None] * across**2
    counts = torch.bincount((cell * len(LABELS) + labels).flatten(),
                            minlength=batch * across**2 * len(LABELS))
    return counts.view(batch, across**2, len(LABELS)).float() / patch**2
