"""Trains the image tokenizer (a dVAE) on the drawn world: python -m train.tokenizer --cache DIR --run DIR

As DALL-E's: tokens relaxed by Gumbel noise whose temperature falls, logit-Laplace likelihood of the
pixels, and the divergence of the tokens' distribution from the uniform one, which keeps codes in use.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from .augment import augment
from .dvae import SIZES, Decoder, Encoder, map_pixels, save_tokenizer, unmap_pixels
from .loop import Loop, stage_parser
from .models import PATCH, SIDE
from .pictures import load_split

TEMPERATURES = 1.0, 1 / 16
CROP = SIDE // 2  # a quarter of a picture: more pictures for the same work, and a token sees no further


class Tokenizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()


def laplace_loss(stats, mapped):
    """Mean negative log-likelihood of mapped pixels under the logit-Laplace distribution of `stats`."""
    mean, spread = stats[:, :3], stats[:, 3:].clamp(-6, 3)
    distance = (torch.logit(mapped) - mean).abs()
    return (distance * torch.exp(-spread) + spread + math.log(2) + torch.log(mapped * (1 - mapped))).mean()


def losses(work, pixels, progress, divergence):
    """pixels (B, 3, S, S) of 0..1."""
    mapped = map_pixels(pixels)
    logits = work.encoder(mapped.to(next(work.parameters()).dtype)).float()
    temperature = TEMPERATURES[0] * (TEMPERATURES[1] / TEMPERATURES[0]) ** min(1, progress / 0.7)
    relaxed = F.gumbel_softmax(logits, tau=temperature, dim=1)
    stats = work.decoder(relaxed.to(next(work.parameters()).dtype)).float()
    log_p = F.log_softmax(logits, dim=1)
    kl = (log_p.exp() * (log_p + math.log(logits.shape[1]))).sum(1).mean()
    pixels_a_token = 3 * PATCH**2
    return {"likelihood": laplace_loss(stats, mapped), "divergence": divergence * kl / pixels_a_token}


@torch.no_grad()
def report(encoder, decoder, pixels):
    """What real tokens do: error of the reconstruction, and how the codes are used."""
    dtype = next(encoder.parameters()).dtype
    counts, squares, absolute = 0, 0.0, 0.0
    for part in pixels.split(128):
        tokens = encoder(map_pixels(part).to(dtype)).argmax(1)
        z = F.one_hot(tokens, SIZES["vocab_size"]).permute(0, 3, 1, 2)
        back = unmap_pixels(torch.sigmoid(decoder(z.to(dtype))[:, :3].float()))
        squares += ((back - part) ** 2).sum().item()
        absolute += (back - part).abs().sum().item()
        counts = counts + torch.bincount(tokens.flatten(), minlength=SIZES["vocab_size"])
    share = counts.float() / counts.sum()
    mse = squares / pixels.numel()
    return {"psnr": -10 * math.log10(mse), "absolute": absolute / pixels.numel(),
            "codes_used": int((counts > 0).sum()), "most_frequent": share.max().item(),
            "perplexity": torch.exp(-(share * (share + 1e-12).log()).sum()).item()}


def pixels_of(pictures):
    """(B, S, S, 4) uint8 -> (B, 3, S, S) of 0..1."""
    return torch.from_numpy(pictures[..., :3]).permute(0, 3, 1, 2).float() / 255


def main():
    parser = stage_parser(__doc__, steps=2000, batch=64, rate=3e-3)
    parser.add_argument("--divergence", type=float, default=2.0, help="weight of the tokens' divergence")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    pictures, _ = load_split(args.cache, "train", args.pictures, 112)
    held = pixels_of(load_split(args.cache, "validation", args.validation, SIDE)[0])
    loop = Loop(args, Tokenizer())

    def batch_losses(work, chosen, generator, progress):
        pixels, _ = augment(torch.from_numpy(pictures[chosen]), SIDE, generator, erase=0)
        top, left = torch.randint(0, SIDE - CROP + 1, (2,), generator=generator)
        part = pixels[..., top:top + CROP, left:left + CROP].contiguous(memory_format=torch.channels_last)
        return losses(work, (part / 2 + 0.5).clamp(0, 1), progress, args.divergence)

    loop.run(batch_losses, lambda mean: report(mean.encoder, mean.decoder, held),
             lambda mean: save_tokenizer(Path(args.run) / "best", mean.encoder, mean.decoder))


if __name__ == "__main__":
    main()
