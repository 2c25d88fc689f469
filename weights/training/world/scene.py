"""The drawing surface: every mark goes to the picture and to the label map at once."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from . import noise
from .light import mix, rgb
from .names import LABEL_ID

OVERSAMPLE = 2  # drawn at twice the size, so that edges of the picture are smooth


class Scene:
    """Coordinates are 0..1, x to the right and y down; sizes are shares of the picture's side."""

    def __init__(self, rng, light, size, winter=False):
        self.rng, self.light, self.winter = rng, light, winter
        self.size = size
        self.n = size * OVERSAMPLE
        self.image = Image.new("RGB", (self.n, self.n))
        self.labels = Image.new("L", (self.n, self.n), LABEL_ID["sky"])
        self._bind()
        self.horizon = 0.5
        self.texture = noise.tile(rng, 256, rng.uniform(1.1, 1.5))
        axis = (np.arange(self.n, dtype=np.float32) + 0.5) / self.n
        self.xs, self.ys = axis[None, :], axis[:, None]

    def _bind(self):
        self._pen = ImageDraw.Draw(self.image)
        self._label_pen = ImageDraw.Draw(self.labels)

    # Shapes --------------------------------------------------------------------------------------

    def _ink(self, color, distance, lit):
        value = np.asarray(color, np.float32) if lit else self.light.shade(color, distance)
        return tuple(int(v) for v in np.clip(value, 0, 255))

    def polygon(self, points, color, label=None, distance=0.0, lit=False):
        """`lit` colours shine: neither light nor haze changes them. No label: only the picture."""
        xy = [(x * self.n, y * self.n) for x, y in points]
        self._pen.polygon(xy, fill=self._ink(color, distance, lit))
        if label:
            self._label_pen.polygon(xy, fill=LABEL_ID[label])

    def rect(self, x0, y0, x1, y1, color, label=None, distance=0.0, lit=False):
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color, label, distance, lit)

    def ellipse(self, x, y, rx, ry, color, label=None, distance=0.0, lit=False):
        box = [(x - rx) * self.n, (y - ry) * self.n, (x + rx) * self.n, (y + ry) * self.n]
        self._pen.ellipse(box, fill=self._ink(color, distance, lit))
        if label:
            self._label_pen.ellipse(box, fill=LABEL_ID[label])

    def line(self, points, width, color, label=None, distance=0.0, lit=False):
        xy = [(x * self.n, y * self.n) for x, y in points]
        pixels = max(1, round(width * self.n))
        self._pen.line(xy, fill=self._ink(color, distance, lit), width=pixels, joint="curve")
        if label:
            self._label_pen.line(xy, fill=LABEL_ID[label], width=pixels)

    # Surfaces ------------------------------------------------------------------------------------

    def pixels(self):
        return np.asarray(self.image, np.float32)

    def put(self, pixels, labels=None):
        self.image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        if labels is not None:
            self.labels = Image.fromarray(labels)
        self._bind()

    def cover(self, mask, colors, label):
        """Puts `colors` (n, n, 3; already lit) where `mask` (n, n; bool) holds."""
        pixels, labels = np.array(self.image), np.array(self.labels)
        pixels[mask] = np.clip(colors[mask], 0, 255).astype(np.uint8)
        labels[mask] = LABEL_ID[label]
        self.put(pixels, labels)

    def depth(self):
        """Distance of each row on the ground plane: 1 at the horizon, 0 at the lower edge."""
        return np.clip(1 - (self.ys - self.horizon) / (1 - self.horizon), 0, 1)

    def ground_texture(self, across, along):
        """The texture laid on the ground plane in perspective, (n, n); fades into the distance."""
        near = np.maximum(self.ys - self.horizon, 0.004) / (1 - self.horizon)
        u = (self.xs - 0.5) / near * across + 1000
        v = along / near + 0 * self.xs
        return noise.lookup(self.texture, u, v) * np.minimum(1, near * 3)

    def ground(self, top, near, far, label, grain=0.08, across=90, along=160, mask=None, tone=None):
        """Fills below the line `top` (a number or n heights) with a lit, textured ground.

        tone: extra (n, n) factor laid over the colours.
        """
        where = self.ys >= np.broadcast_to(np.asarray(top, np.float32), (self.n,))[None, :]
        if mask is not None:
            where &= mask
        depth = self.depth()[..., None]
        shade = 1 + grain * self.ground_texture(across, along)[..., None]
        if tone is not None:
            shade = shade * tone[..., None]
        colors = self.light.shade(mix(rgb(*near), rgb(*far), depth) * shade, depth)
        self.cover(where, colors, label)

    def backdrop(self, top, color, label, distance, grain=0.1, scale=200.0, snow_above=None):
        """Fills below a ridge line standing upright, such as hills and mountains."""
        top = np.asarray(top, np.float32)
        where = self.ys >= top[None, :]
        u = self.xs * scale + self.ys * scale * 0.6 * self.light.side + 1000
        field = noise.lookup(self.texture, u, self.ys * scale * 0.5 + 0 * self.xs)
        base = rgb(*color)[None, None]
        # A slope that faces the light is brighter.
        slope = np.clip(np.gradient(top) * self.n / 3, -1, 1)[None, :, None] * self.light.side
        below = np.clip((self.ys - top[None, :])[..., None] * 6, 0, 1)
        factor = 1 + grain * field[..., None] - 0.22 * slope * (1 - below)
        colors = base * factor
        if snow_above is not None:
            white = self.ys + 0.03 * field < snow_above + 0.35 * (top[None, :] - top.min())
            colors = np.where(white[..., None], rgb(238, 242, 250) * (0.92 + 0.08 * factor), colors)
        self.cover(where, self.light.shade(colors, distance), label)

    def blend(self, color, alpha):
        """Mixes a colour into the picture by alpha (n, n; 0..1). Labels stay."""
        pixels = self.pixels()
        self.put(mix(pixels, rgb(*color), np.clip(alpha, 0, 1)[..., None]))

    def soften(self, radius):
        self.image = self.image.filter(ImageFilter.GaussianBlur(radius * self.n))
        self._bind()

    # Perspective ---------------------------------------------------------------------------------

    def place(self, y):
        """Scale (1 at the lower edge, 0 at the horizon) and distance of a thing that stands at y."""
        scale = max(0.0, (y - self.horizon) / (1 - self.horizon))
        return scale, 1 - min(1.0, scale)

    def spots(self, count, low, high, left=0.0, right=1.0, spread=1.5):
        """`count` ground positions (x, y) from far to near; larger `spread` gathers them far off."""
        ys = low + (high - low) * self.rng.random(count) ** spread
        return [(float(self.rng.uniform(left, right)), float(y)) for y in np.sort(ys)]

    def chance(self, odds):
        return self.rng.random() < odds

    def between(self, low, high):
        return float(self.rng.uniform(low, high))

    def tinted(self, color, spread=12):
        """The colour with a little chance in brightness and hue."""
        shift = self.rng.normal(0, spread, 1) + self.rng.normal(0, spread * 0.5, 3)
        return np.clip(rgb(*color) + shift, 4, 250).astype(np.float32)

    def pick(self, colors, spread=8):
        return self.tinted(colors[self.rng.integers(len(colors))], spread)
