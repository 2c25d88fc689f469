"""Surfaces: mountains, hills, water, roads, sand, grass, fields."""

import numpy as np

from . import noise
from .light import mix, rgb
from .names import LABEL_ID

GREENS = [(86, 142, 60), (110, 160, 70), (72, 124, 66), (128, 158, 74), (150, 160, 86)]


def mountains(s, base, height, color=None, distance=None, snow=None, sharp=True):
    """A range that stands on `base` and rises by `height` (both shares of the picture)."""
    line = noise.ridge(s.rng, s.n, 7, 0.48 if sharp else 0.34, sharp, s.rng.integers(2, 5))
    top = base - height * (0.25 + 0.75 * line)
    color = s.pick([(110, 116, 128), (124, 112, 104), (96, 108, 112), (130, 120, 110)]) \
        if color is None else color
    distance = s.between(0.45, 0.9) if distance is None else distance
    if snow is None:
        snow = s.chance(0.5)
    line_of_snow = base - height * s.between(0.62, 0.85) if snow else None
    s.backdrop(top, color, "mountain", distance, grain=0.13, scale=s.between(150, 320),
               snow_above=line_of_snow)
    return top


def hills(s, base, height, color=None, distance=0.7):
    line = noise.ridge(s.rng, s.n, 4, 0.3, False, s.rng.integers(1, 4))
    color = grass_color(s) if color is None else color
    s.backdrop(base - height * line, color, ground_label(s), distance, grain=0.06)


def tree_line(s, base, height, distance=0.6, color=None):
    """A far wood: too far for single trees."""
    line = noise.ridge(s.rng, s.n, 3, 0.5, False, 3) * 0.5
    bumps = np.abs(noise.ridge(s.rng, s.n, 3, 0.7, False, s.rng.integers(24, 60)))
    color = s.pick([(58, 92, 52), (74, 102, 58), (52, 84, 66)]) if color is None else color
    if s.winter:
        color = mix(color, rgb(150, 152, 156), 0.45)
    s.backdrop(base - height * (0.2 + line + 0.35 * bumps), color, "tree", distance, grain=0.2,
               scale=700)


def grass_color(s):
    if s.winter:
        return s.pick([(232, 236, 244), (216, 222, 232)], 4)
    return s.pick(GREENS)


def ground_label(s):
    return "snow" if s.winter else "grass"


def grass(s, top=None, color=None, label=None):
    near = grass_color(s) if color is None else color
    far = mix(near, s.pick([(150, 165, 90), (120, 150, 84)]), 0.35) if not s.winter else near * 0.97
    s.ground(s.horizon if top is None else top, near, far, label or ground_label(s),
             grain=s.between(0.05, 0.14), across=s.between(60, 160), along=s.between(80, 200))


def sand(s, top=None, color=None, mask=None):
    near = s.pick([(226, 200, 150), (216, 184, 130), (236, 216, 172), (206, 176, 140)]) \
        if color is None else color
    s.ground(s.horizon if top is None else top, near, mix(near, rgb(240, 225, 190), 0.3), "sand",
             grain=s.between(0.03, 0.08), across=s.between(80, 220), along=s.between(100, 220),
             mask=mask)


def water(s, top=None, mask=None, calm=False):
    """Sea, lake or river: mirrors the sky's colour far off, its own colour near."""
    light = s.light
    body = s.pick([(28, 92, 132), (36, 120, 150), (30, 80, 110), (52, 136, 146), (44, 98, 112)])
    body = mix(body * light.ambient, light.sky_low, 0.12)
    mirror = mix(light.sky_low, body, 0.35)
    depth = s.depth()[..., None]
    colors = mix(body, mirror, depth**2.2) + np.zeros((s.n, s.n, 1), np.float32)
    height = s.between(0.03, 0.09) if calm else s.between(0.08, 0.24)
    waves = s.ground_texture(s.between(24, 60), s.between(240, 560))
    colors = colors * (1 + height * waves[..., None])
    if not calm and s.chance(0.6):
        crest = (waves > s.between(1.3, 2.2))[..., None] * (0.25 + 0.5 * (1 - depth))
        colors = mix(colors, rgb(235, 242, 246) * light.ambient, crest)
    if light.disc:
        x, _ = light.disc_at
        width = 0.02 + 0.14 * (1 - s.depth())
        path = np.exp(-(((s.xs - x) / width) ** 2)) * (waves > 0.2)
        strength = 0.75 if light.disc == "sun" else 0.4
        colors = mix(colors, light.glow, (strength * path)[..., None])
    where = s.ys >= np.broadcast_to(
        np.asarray(s.horizon if top is None else top, np.float32), (s.n,))[None, :]
    s.cover(where if mask is None else where & mask, colors, "water")


def mirror(s, line, bottom=1.0, strength=0.4):
    """Reflects what stands above `line` into the water below it."""
    pixels, n = s.pixels(), s.n
    row = int(line * n)
    rows = min(row, int(bottom * n) - row)
    if rows <= 2:
        return
    flipped = pixels[row - rows:row][::-1]
    # A generator of its own: the number of rows must not change what is drawn afterwards.
    ripple = np.random.default_rng(s.rng.integers(1 << 32))
    shift = ripple.normal(0, 0.005 * n, rows).astype(int)
    flipped = np.stack([np.roll(r, d, 0) for r, d in zip(flipped, shift)])
    wet = (np.array(s.labels)[row:row + rows] == LABEL_ID["water"])[..., None]
    fade = strength * np.linspace(1, 0.25, rows)[:, None, None]
    pixels[row:row + rows] = mix(pixels[row:row + rows], flipped, fade * wet)
    s.put(pixels)


def road(s, center=0.5, half=0.35, vanish=None, color=None, label="road", lanes=1, lines=True,
         curve=0.0):
    """A road on the ground plane from the lower edge to the horizon.

    center, half: middle and half width at the lower edge; vanish: x at the horizon.
    Returns a function y -> (middle, half width).
    """
    vanish = s.between(0.35, 0.65) if vanish is None else vanish
    color = s.pick([(92, 94, 98), (110, 108, 108), (78, 80, 84), (128, 120, 112)]) \
        if color is None else color

    def at(y):
        t = np.clip((y - s.horizon) / (1 - s.horizon), 0, 1)
        return vanish + (center - vanish) * t + curve * t * (1 - t) * 4, half * t + 0.002

    middle, width = at(s.ys)
    mask = (np.abs(s.xs - middle) < width) & (s.ys > s.horizon + 0.004)
    s.ground(s.horizon, color, mix(color, rgb(150, 150, 150), 0.3), label, grain=0.04,
             across=200, along=200, mask=mask)
    if lines and not (s.winter and s.chance(0.6)):
        paint = s.pick([(236, 236, 230), (238, 206, 90)], 4)
        z = 1 / np.maximum((s.ys - s.horizon) / (1 - s.horizon), 0.01)
        dashed = (z * s.between(1.2, 2.4)) % 1 < 0.5
        marks = np.zeros_like(mask)
        for lane in range(1 - lanes, lanes):
            line_at = middle + width * lane / lanes
            marks |= (np.abs(s.xs - line_at) < width * 0.018 + 0.0008) & (dashed if lane else True)
        if lanes == 1:
            marks &= dashed
        edge = np.abs(np.abs(s.xs - middle) - width * 0.93) < width * 0.014 + 0.0006
        s.cover(mask & (marks | edge), s.light.shade(paint, s.depth()[..., None])
                + np.zeros((s.n, s.n, 1), np.float32), label)
    return at


def field_rows(s, top, mask, angle=None):
    """A ploughed or sown field: rows that run together at the horizon."""
    color = s.pick([(196, 170, 84), (150, 118, 80), (128, 150, 64), (214, 190, 104), (110, 88, 62)])
    if s.winter:
        color = mix(color, rgb(228, 232, 240), 0.7)
    z = np.maximum((s.ys - s.horizon) / (1 - s.horizon), 0.02)
    vanish = s.between(-0.4, 1.4) if angle is None else angle
    u = (s.xs - vanish) / z * s.between(5, 14)
    stripes = np.sin(u * 2 * np.pi) * np.minimum(1, z * 2.5)
    s.ground(top, color, mix(color, rgb(200, 190, 130), 0.3), "field", grain=0.06, mask=mask,
             tone=1 + 0.13 * stripes)
