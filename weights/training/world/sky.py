"""Sky, sun, moon, stars, clouds, and what falls from them."""

import numpy as np

from . import noise
from .light import mix, rgb
from .names import LABEL_ID


def sky(s):
    """Fills the whole picture; everything else is drawn over it."""
    light = s.light
    t = np.clip(s.ys / max(s.horizon, 0.2), 0, 1)[..., None] ** 0.9
    colors = mix(light.sky_top, light.sky_low, t) + np.zeros((s.n, s.n, 1), np.float32)
    x, y = light.disc_at
    away = np.hypot(s.xs - x, s.ys - y)
    if light.disc:
        strength = (0.55 if light.disc == "sun" else 0.22) * np.exp(-away * 5.5)
        colors = mix(colors, light.glow, strength[..., None])
    s.cover(np.ones((s.n, s.n), bool), colors, "sky")
    if light.dark:
        _stars(s)
    if light.disc == "sun":
        radius = s.between(0.03, 0.06)
        color = rgb(255, 222, 150) if light.kind == "golden" else rgb(255, 250, 224)
        s.ellipse(x, y, radius, radius, color, "sun", lit=True)
    elif light.disc == "moon":
        _moon(s, x, y)
    if light.clouds > 0.08:
        if light.kind == "overcast" or s.chance(0.5):
            _layer(s)
        else:
            _puffs(s)


def _stars(s):
    for _ in range(s.rng.integers(20, 90)):
        r = s.between(0.0008, 0.0026)
        tone = s.between(110, 250)
        s.ellipse(s.rng.random(), s.rng.random() * s.horizon, r, r, rgb(tone, tone, tone), lit=True)


def _moon(s, x, y):
    radius = s.between(0.025, 0.05)
    s.ellipse(x, y, radius, radius, rgb(238, 236, 214), "moon", lit=True)
    if s.chance(0.5):
        bite = radius * s.between(0.5, 1.1)
        dark = mix(s.light.sky_top, s.light.sky_low, min(1, y / s.horizon))
        s.ellipse(x + bite, y - bite * 0.3, radius, radius, dark, "sky", lit=True)


def _cloud_colors(s):
    light = s.light
    if light.dark:
        return mix(light.sky_low, rgb(70, 76, 104), 0.5), light.sky_top * 0.8
    if light.kind == "golden":
        return rgb(255, 206, 170), mix(light.sky_top, rgb(170, 110, 130), 0.6)
    if light.kind == "overcast":
        return light.sky_low + 12, light.sky_top - 22
    return rgb(255, 255, 255), rgb(196, 208, 224)


def _layer(s):
    """Clouds as a sheet seen in perspective."""
    bright, shadow = _cloud_colors(s)
    near = np.maximum(s.horizon + 0.12 - s.ys, 0.03)
    u = (s.xs - 0.5) / near * s.between(22, 44) + s.between(0, 256)
    v = 1 / near * s.between(10, 22) + 0 * s.xs
    # A steeper field than the ground's: clouds have soft, large shapes.
    field = noise.lookup(noise.tile(s.rng, 256, 1.9), u, v)
    level = np.quantile(field[: max(2, int(s.horizon * s.n))], 1 - s.light.clouds)
    alpha = np.clip((field - level) * 2.2, 0, 1)
    inner = np.clip((field - level) * 0.6, 0, 1)[..., None]
    mask = (alpha > 0.5) & (s.ys < s.horizon)
    colors = mix(bright, shadow, inner)
    pixels = s.pixels()
    labels = np.array(s.labels)
    pixels = mix(pixels, colors, (alpha * (s.ys < s.horizon))[..., None])
    shining = np.isin(labels, (LABEL_ID["sun"], LABEL_ID["moon"]))
    labels[mask & ~shining] = LABEL_ID["cloud"]
    labels[mask & shining & (alpha > 0.85)] = LABEL_ID["cloud"]
    s.put(pixels, labels)


def _puffs(s):
    bright, shadow = _cloud_colors(s)
    for _ in range(1 + int(s.light.clouds * 9)):
        x, y = s.rng.random(), s.between(0.03, max(0.1, s.horizon * 0.8))
        size = s.between(0.05, 0.14) * (1.1 - 0.6 * y / max(s.horizon, 0.1))
        bumps = [
            (x + dx * size, y - abs(s.rng.normal(0, 0.25)) * size * (1 - abs(dx) / 2.2),
             size * s.between(0.25, 0.55) * (1.15 - abs(dx) / 2.2))
            for dx in np.linspace(-1.4, 1.4, s.rng.integers(5, 10))
        ]
        for dx, dy, color in ((0, 0.022, shadow), (0, 0, bright)):
            for bx, by, r in bumps:
                s.ellipse(bx + dx, by + dy * size * 10, r * 1.15, r * 0.72, color, "cloud", lit=True)


def falling(s):
    """Rain or snow in front of everything; it has no label of its own."""
    kind = s.light.falling
    if kind == "rain":
        slant = s.between(-0.02, 0.02)
        tone = mix(s.light.haze, rgb(235, 240, 245), 0.4)
        for _ in range(s.rng.integers(60, 200)):
            x, y = s.rng.random() * 1.1 - 0.05, s.rng.random()
            length = s.between(0.015, 0.045)
            s.line([(x, y), (x + slant, y + length)], 0.002, tone, lit=True)
    elif kind == "snow":
        for _ in range(s.rng.integers(80, 260)):
            r = s.between(0.0015, 0.006)
            s.ellipse(s.rng.random(), s.rng.random(), r, r, rgb(240, 243, 248), lit=True)
