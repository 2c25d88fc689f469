"""The model of the embedded classifier, and how it is saved in transformers' own files."""

from pathlib import Path

import torch
from torch import nn
from transformers import BeitConfig, BeitForImageClassification, BeitImageProcessor

from world.names import LABELS, SCENES

SIDE, PATCH = 96, 8


def classifier_config():
    return BeitConfig(
        image_size=SIDE, patch_size=PATCH, hidden_size=128, num_hidden_layers=6,
        num_attention_heads=4, intermediate_size=512, use_relative_position_bias=True,
        use_mean_pooling=True, layer_scale_init_value=0.1, drop_path_rate=0.05,
        num_labels=len(SCENES), id2label=dict(enumerate(SCENES)),
        label2id={name: i for i, name in enumerate(SCENES)},
    )


class Trainee(nn.Module):
    """The classifier with a second head, used only in training, that names what is in each patch.

    The world knows the label of every pixel, and 144 targets a picture teach the encoder far more
    than one. The head is not part of the checkpoint.
    """

    def __init__(self, config):
        super().__init__()
        self.classifier = BeitForImageClassification(config)
        self.patch_head = nn.Linear(config.hidden_size, len(LABELS))
        # transformers leaves relative position bias tables at zero; so does this.

    def forward(self, pixel_values):
        """Logits (B, scenes) and, for each patch, (B, patches, labels)."""
        outputs = self.classifier.beit(pixel_values, return_dict=True)
        patches = outputs.last_hidden_state[:, 1:]
        normed = self.classifier.beit.pooler.layernorm(patches)
        return self.classifier.classifier(outputs.pooler_output), self.patch_head(normed)


def image_processor():
    return BeitImageProcessor(
        do_resize=True, size={"height": SIDE, "width": SIDE}, resample=3, do_center_crop=False,
        do_rescale=True, do_normalize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3,
        do_reduce_labels=False,
    )


def save_checkpoint(folder, classifier_state):
    """Writes config.json, preprocessor_config.json and model.safetensors (F16) as transformers does."""
    model = BeitForImageClassification(classifier_config())
    model.load_state_dict(classifier_state)
    Path(folder).mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(folder)
    image_processor().save_pretrained(folder)
