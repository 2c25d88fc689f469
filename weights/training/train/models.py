"""The BEiT models of the embedded checkpoints: their configs, what is handed from one to the next, and how
they are saved in transformers' own files."""

from pathlib import Path

import torch
from torch import nn
from transformers import (
    BeitConfig, BeitForImageClassification, BeitForMaskedImageModeling, BeitForSemanticSegmentation,
    BeitImageProcessor,
)

from world.names import LABELS, SCENES, SEGMENTS

from .dvae import SIZES

SIDE, PATCH = 96, 8
GRID = SIDE // PATCH


def _config(labels=(), **differences):
    names = {"num_labels": len(labels), "id2label": dict(enumerate(labels)),
             "label2id": {name: i for i, name in enumerate(labels)}} if labels else {}
    return BeitConfig(**{
        "image_size": SIDE, "patch_size": PATCH, "hidden_size": 128, "num_hidden_layers": 6,
        "num_attention_heads": 4, "intermediate_size": 512, "use_mean_pooling": True,
        "layer_scale_init_value": 0.1, "drop_path_rate": 0.0, "vocab_size": SIZES["vocab_size"],
        **names, **differences})


def masked_image_modeling():
    return BeitForMaskedImageModeling(_config(use_mask_token=True, use_shared_relative_position_bias=True))


def classification():
    return BeitForImageClassification(_config(SCENES, use_relative_position_bias=True, drop_path_rate=0.05))


def segmentation():
    # The last three levels of the pyramid see the last layers. The top is 6 x 6, so scale 6 would be itself, and 2
    # would say little that 1 and 3 do not, for 0.33 MB.
    return BeitForSemanticSegmentation(_config(
        SEGMENTS, use_relative_position_bias=True, out_indices=[3, 4, 5, 6], pool_scales=[1, 3],
        use_auxiliary_head=False, semantic_loss_ignore_index=255))


class WithPatchLabels(nn.Module):
    """A classifier with a second head, used only in training, that names what is in each patch.

    The world knows the label of every pixel, and 144 targets a picture teach the encoder far more
    than one. The head is not part of the checkpoint.
    """

    def __init__(self, classifier):
        super().__init__()
        self.classifier = classifier
        self.patch_head = nn.Linear(classifier.config.hidden_size, len(LABELS))

    def forward(self, pixel_values):
        """Logits (B, scenes) and, for each patch, (B, patches, labels)."""
        outputs = self.classifier.beit(pixel_values, return_dict=True)
        normed = self.classifier.beit.pooler.layernorm(outputs.last_hidden_state[:, 1:])
        return self.classifier.classifier(outputs.pooler_output), self.patch_head(normed)


@torch.no_grad()
def take(model, state, parts=("beit.",)):
    """Gives the parts of `model` whose names begin so what `state`, another model's state dict, has of the same
    name and shape: by default the encoder. A shared relative position bias becomes the beginning of every
    layer's own, as BEiT fine-tunes. Returns what was taken."""
    own = model.state_dict()
    shared = state.get("beit.encoder.relative_position_bias.relative_position_bias_table")
    taken = []
    for name, tensor in own.items():
        given = state.get(name)
        if given is None and shared is not None and name.endswith("attention.relative_position_bias.relative_position_bias_table"):
            given = shared
        if given is not None and name.startswith(parts) and given.shape == tensor.shape:
            tensor.copy_(given)
            taken.append(name)
    return taken


def pixels_of(pictures):
    """(B, S, S, 4) uint8 -> (B, 3, S, S) in -1..1."""
    return torch.from_numpy(pictures[..., :3]).permute(0, 3, 1, 2).float() / 127.5 - 1


def image_processor():
    return BeitImageProcessor(
        do_resize=True, size={"height": SIDE, "width": SIDE}, resample=3, do_center_crop=False,
        do_rescale=True, do_normalize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3,
        do_reduce_labels=False,
    )


def save_checkpoint(folder, model):
    """Writes config.json, preprocessor_config.json and model.safetensors (F16) as transformers does."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    copy = type(model)(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.float16).save_pretrained(folder)
    image_processor().save_pretrained(folder)
