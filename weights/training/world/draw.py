"""From a seed to a finished picture."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from .light import make_light
from .names import SCENES
from .scene import OVERSAMPLE, Scene
from .scenes import KINDS
from .sky import falling, sky

# Each split draws from seeds of its own, so no picture of one can be in another.
_FIRST_SEED = {"train": 0, "validation": 1_000_000_000, "test": 2_000_000_000}


@dataclass(frozen=True)
class Picture:
    image: Image.Image  # RGB
    labels: np.ndarray  # (size, size) uint8, ids of world.names.LABELS
    scene: int  # id of world.names.SCENES


def seeds(split, count):
    """The first `count` seeds of "train", "validation" or "test"."""
    return range(_FIRST_SEED[split], _FIRST_SEED[split] + count)


def draw(seed, size=192):
    """The picture of a seed: scene classes take turns, everything else is drawn by chance.

    The same seed gives the same scene at any size, up to texture and noise of single pixels.
    """
    scene = seed % len(SCENES)
    kind = KINDS[SCENES[scene]]
    rng = np.random.default_rng(seed)
    winter = rng.random() < kind.winter
    light = make_light(rng, kind.light, winter)
    s = Scene(rng, light, size, winter)
    s.horizon = s.between(*kind.horizon)
    sky(s)
    kind.compose(s)
    if light.kind == "fog":
        s.blend(light.haze, s.between(0.08, 0.3) + 0 * s.xs * s.ys)
    falling(s)
    return Picture(_finish(s), np.array(s.labels)[1::OVERSAMPLE, 1::OVERSAMPLE], scene)


def _finish(s):
    """Down to size, then what a camera and its settings do: blur, contrast, tint, noise."""
    image = s.image.reduce(OVERSAMPLE)
    if s.chance(0.2):
        image = image.filter(ImageFilter.GaussianBlur(s.between(0.002, 0.006) * s.size))
    pixels = np.asarray(image, np.float32)
    contrast, brightness = s.between(0.82, 1.12), s.rng.normal(0, 8)
    tint = s.rng.normal(1, 0.025, 3).astype(np.float32)
    gray = pixels.mean(axis=2, keepdims=True)
    pixels = gray + (pixels - gray) * s.between(0.65, 1.15)
    pixels = ((pixels - 128) * contrast + 128 + brightness) * tint
    axis = np.linspace(-1, 1, s.size, dtype=np.float32)
    pixels *= 1 - s.between(0, 0.2) * (axis[:, None] ** 2 + axis[None, :] ** 2)[..., None] / 2
    sigma = abs(s.rng.normal(0, 3.5)) if s.chance(0.75) else s.between(4, 12)
    sigma *= s.size / 160  # grain belongs to the picture and not to its pixels
    pixels += s.rng.standard_normal(pixels.shape, np.float32) * sigma
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
