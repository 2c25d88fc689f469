"""Fine-tunes the classifier on the drawn world: python -m train.classify --cache DIR --run DIR [--start MIM]

With --start the encoder begins as the pre-trained one, each layer's position bias as the shared one;
without, from scratch.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from .augment import augment, patch_shares
from .loop import Loop, encoder_decay, stage_parser
from .models import PATCH, SIDE, WithPatchLabels, classification, pixels_of, save_checkpoint, take
from .pictures import load_split


def classify_parser(doc, **defaults):
    parser = stage_parser(doc, **defaults)
    parser.add_argument("--start", help="checkpoint folder whose encoder is the beginning; default: from scratch")
    parser.add_argument("--patch-loss", type=float, default=1.0, help="weight of the patch labels; 0: none")
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--layer-decay", type=float, default=0.85)
    return parser


@torch.no_grad()
def top1(classifier, pixels, scenes):
    dtype, right = next(classifier.parameters()).dtype, 0
    for part, truth in zip(pixels.split(128), scenes.split(128)):
        right += (classifier(part.to(dtype)).logits.argmax(-1) == truth).sum().item()
    return right / len(scenes)


def train(args, held_split="validation"):
    """Trains by `args`; the best checkpoint is in args.run / best. Returns its top-1."""
    torch.manual_seed(args.seed)
    pictures, scenes = load_split(args.cache, "train", args.pictures, 112)
    held, truth = load_split(args.cache, held_split, args.validation, SIDE)
    held, truth, scenes = pixels_of(held), torch.from_numpy(truth), torch.from_numpy(scenes)
    module = WithPatchLabels(classification())
    if args.start:
        take(module.classifier, load_file(Path(args.start) / "model.safetensors"))
    layers = module.classifier.config.num_hidden_layers
    loop = Loop(args, module, lambda name: encoder_decay(name, layers, args.layer_decay))

    def batch_losses(work, chosen, generator, progress):
        pixels, labels = augment(torch.from_numpy(pictures[chosen]), SIDE, generator)
        logits, patches = work(pixels.to(loop.dtype))
        scene = F.cross_entropy(logits.float(), scenes[chosen], label_smoothing=args.smoothing)
        shares = patch_shares(labels, PATCH).flatten(0, 1)
        return {"scene": scene, "patches": args.patch_loss * F.cross_entropy(patches.float().flatten(0, 1), shares)}

    loop.run(batch_losses, lambda mean: {"top1": top1(mean.classifier, held, truth)},
             lambda mean: save_checkpoint(Path(args.run) / "best", mean.classifier))
    return loop.best


if __name__ == "__main__":
    train(classify_parser(__doc__, steps=1000, batch=64, rate=1.2e-3).parse_args())
