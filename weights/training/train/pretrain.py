"""Pre-trains BEiT by masked image modelling on the tokenizer's tokens:
python -m train.pretrain --cache DIR --run DIR --tokenizer FOLDER

Block-wise masks as in the paper (Algorithm 1), about 40 % of the patches; one relative position bias for all
layers; the loss is the cross-entropy of the hidden patches' tokens.
"""

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .augment import augment
from .dvae import load_tokenizer, map_pixels
from .loop import Loop, stage_parser
from .models import GRID, SIDE, masked_image_modeling, pixels_of, save_checkpoint
from .pictures import load_split

MASKED = round(0.4 * GRID**2)
SMALLEST_BLOCK, MOST_ASPECT, ATTEMPTS = 8, 1 / 0.3, 10


def block_mask(rng):
    """A mask (GRID, GRID) of at most MASKED patches, made of blocks."""
    mask, count = np.zeros((GRID, GRID), bool), 0
    while count < MASKED:
        room, added = MASKED - count, 0
        for _ in range(ATTEMPTS):
            area = rng.uniform(SMALLEST_BLOCK, max(room, SMALLEST_BLOCK))
            aspect = math.exp(rng.uniform(-math.log(MOST_ASPECT), math.log(MOST_ASPECT)))
            height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if not (0 < height < GRID and 0 < width < GRID):
                continue
            top, left = rng.integers(0, GRID - height + 1), rng.integers(0, GRID - width + 1)
            part = mask[top:top + height, left:left + width]
            if 0 < part.size - part.sum() <= room:
                added = part.size - part.sum()
                part[:] = True
                break
        if added == 0:
            break
        count += added
    return mask


def masks(count, seed):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.stack([block_mask(rng) for _ in range(count)])).flatten(1)


@torch.no_grad()
def tokens_of(encoder, pixels):
    """Tokens (B, GRID * GRID) of pixels (B, 3, S, S) in -1..1."""
    mapped = map_pixels((pixels / 2 + 0.5).clamp(0, 1))
    return encoder(mapped.to(next(encoder.parameters()).dtype)).argmax(1).flatten(1)


@torch.no_grad()
def accuracy(model, encoder, pixels, hidden):
    """Of the hidden patches' tokens: how many are named right, and what the most frequent one would get."""
    dtype = next(model.parameters()).dtype
    right, seen, counts = 0, 0, 0
    for part, mask in zip(pixels.split(128), hidden.split(128)):
        tokens = tokens_of(encoder, part)[mask]
        logits = model(part.to(dtype), bool_masked_pos=mask, return_dict=True).logits
        right += (logits[mask].argmax(-1) == tokens).sum().item()
        seen += len(tokens)
        counts = counts + torch.bincount(tokens, minlength=model.config.vocab_size)
    return {"token_accuracy": right / seen, "most_frequent": counts.max().item() / seen}


def main():
    parser = stage_parser(__doc__, steps=6000, batch=64, rate=2e-3)
    parser.add_argument("--tokenizer", required=True, help="folder that train.tokenizer has made")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    pictures, _ = load_split(args.cache, "train", args.pictures, 112)
    held = pixels_of(load_split(args.cache, "validation", args.validation, SIDE)[0])
    hidden = masks(len(held), 1)
    encoder = load_tokenizer(args.tokenizer)[0].to(getattr(torch, args.precision), memory_format=torch.channels_last)
    loop = Loop(args, masked_image_modeling())

    def batch_losses(work, chosen, generator, progress):
        pixels, _ = augment(torch.from_numpy(pictures[chosen]), SIDE, generator, erase=0)
        mask = masks(len(chosen), [args.seed, loop.step])
        outputs = work.beit(pixels.to(loop.dtype), bool_masked_pos=mask, return_dict=True)
        # Only the hidden patches' logits are needed.
        logits = work.lm_head(work.layernorm(outputs.last_hidden_state[:, 1:][mask]))
        return {"loss": F.cross_entropy(logits.float(), tokens_of(encoder, pixels)[mask])}

    loop.run(batch_losses, lambda mean: accuracy(mean, encoder, held, hidden),
             lambda mean: save_checkpoint(Path(args.run) / "best", mean))


if __name__ == "__main__":
    main()
