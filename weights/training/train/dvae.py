"""The image tokenizer: DALL-E's discrete variational autoencoder, at small widths.

The architecture and the names of parameters are those of dall_e/{encoder,decoder}.py; convolutions
have parameters w and b. Images are mapped to 0.1..0.9 first, so that their logits are finite.
"""

import json
import math
from collections import OrderedDict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

SIZES = {"vocab_size": 512, "n_hid": 16, "n_init": 64, "group_count": 4, "n_blk_per_group": 2}


def map_pixels(x):
    return 0.8 * x + 0.1


def unmap_pixels(x):
    return ((x - 0.1) / 0.8).clamp(0, 1)


class Conv2d(nn.Module):
    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        self.w = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel**2))
        self.b = nn.Parameter(torch.zeros(outputs))
        self.padding = (kernel - 1) // 2

    def forward(self, x):
        return F.conv2d(x, self.w, self.b, padding=self.padding)


class Block(nn.Module):
    """id_path(x) + post_gain * res_path(x); kernels of the four convolutions as given."""

    def __init__(self, inputs, outputs, layers, kernels):
        super().__init__()
        hidden = outputs // 4
        self.post_gain = 1 / layers**2
        self.id_path = Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        widths = [inputs, hidden, hidden, hidden, outputs]
        self.res_path = nn.Sequential(OrderedDict(
            part for i, kernel in enumerate(kernels, 1)
            for part in ((f"relu_{i}", nn.ReLU()), (f"conv_{i}", Conv2d(widths[i - 1], widths[i], kernel)))))

    def forward(self, x):
        return self.id_path(x) + self.post_gain * self.res_path(x)


def _groups(widths, first, sizes, kernels, between):
    layers = sizes["group_count"] * sizes["n_blk_per_group"]
    groups, inputs = OrderedDict(), first
    for i, width in enumerate(widths, 1):
        group = OrderedDict()
        for j in range(1, sizes["n_blk_per_group"] + 1):
            group[f"block_{j}"] = Block(inputs, width, layers, kernels)
            inputs = width
        if i < len(widths):
            group.update(between())
        groups[f"group_{i}"] = nn.Sequential(group)
    return groups


class Encoder(nn.Module):
    """Pixels (B, 3, H, W) of map_pixels -> logits of tokens (B, vocab, H / 8, W / 8)."""

    def __init__(self, sizes=SIZES):
        super().__init__()
        n = sizes["n_hid"]
        widths = [n * 2**i for i in range(sizes["group_count"])]
        self.blocks = nn.Sequential(OrderedDict([
            ("input", Conv2d(3, n, 7)),
            *_groups(widths, n, sizes, (3, 3, 3, 1), lambda: {"pool": nn.MaxPool2d(2)}).items(),
            ("output", nn.Sequential(OrderedDict(relu=nn.ReLU(), conv=Conv2d(widths[-1], sizes["vocab_size"], 1)))),
        ]))

    def forward(self, x):
        return self.blocks(x)


class Decoder(nn.Module):
    """Tokens, one-hot or relaxed (B, vocab, h, w) -> (B, 6, 8 h, 8 w): logits of the mapped pixels, then
    the logarithm of their spread."""

    def __init__(self, sizes=SIZES):
        super().__init__()
        n = sizes["n_hid"]
        widths = [n * 2**i for i in reversed(range(sizes["group_count"]))]
        self.blocks = nn.Sequential(OrderedDict([
            ("input", Conv2d(sizes["vocab_size"], sizes["n_init"], 1)),
            *_groups(widths, sizes["n_init"], sizes, (1, 3, 3, 3),
                     lambda: {"upsample": nn.Upsample(scale_factor=2, mode="nearest")}).items(),
            ("output", nn.Sequential(OrderedDict(relu=nn.ReLU(), conv=Conv2d(n, 6, 1)))),
        ]))

    def forward(self, z):
        return self.blocks(z)


def save_tokenizer(folder, encoder, decoder, sizes=SIZES):
    """Writes {encoder,decoder}.safetensors in F16, with config.json: what the library loads."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "dall-e", **sizes}, indent=2) + "\n")
    for name, module in (("encoder", encoder), ("decoder", decoder)):
        state = {k: v.detach().to(torch.float16).contiguous() for k, v in module.state_dict().items()}
        save_file(state, folder / f"{name}.safetensors", metadata={"format": "pt"})


def load_tokenizer(folder):
    """(encoder, decoder) in float32, from what save_tokenizer() wrote."""
    folder = Path(folder)
    sizes = {k: v for k, v in json.loads((folder / "config.json").read_text()).items() if k in SIZES}
    modules = Encoder(sizes), Decoder(sizes)
    for name, module in zip(("encoder", "decoder"), modules):
        module.load_state_dict({k: v.float() for k, v in load_file(folder / f"{name}.safetensors").items()})
    return tuple(module.eval() for module in modules)
