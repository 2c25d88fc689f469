"""Time of day and weather: what every colour of a scene passes through."""

from dataclasses import dataclass, field

import numpy as np


def rgb(*values):
    return np.array(values, np.float32)


def mix(a, b, t):
    return a + (b - a) * t


@dataclass
class Light:
    kind: str
    sky_top: np.ndarray
    sky_low: np.ndarray
    ambient: np.ndarray  # multiplies every colour that does not shine by itself
    haze: np.ndarray
    haze_strength: float  # share of haze at the horizon, 0..1
    side: float  # -1: light from the left, 1: from the right
    disc: str  # "sun", "moon" or ""
    disc_at: tuple = (0.5, 0.2)
    clouds: float = 0.3  # share of the sky
    falling: str = ""  # "rain", "snow" or ""
    glow: np.ndarray = field(default_factory=lambda: rgb(255, 244, 214))

    @property
    def dark(self):
        return self.kind == "night"

    def shade(self, color, distance=0.0):
        """A surface colour (0..255) as seen from `distance` (0 near, 1 at the horizon)."""
        share = self.haze_strength * np.clip(distance, 0, 1) ** 1.3
        return mix(np.asarray(color, np.float32) * self.ambient, self.haze, share)


KINDS = ("day", "golden", "overcast", "fog", "night")


def make_light(rng, weights, winter=False):
    """Draws a light; `weights` are the odds of KINDS."""
    kind = rng.choice(KINDS, p=np.array(weights, float) / sum(weights))
    tint = rng.normal(0, 7, 3).astype(np.float32)
    if kind == "day":
        top = mix(rgb(52, 118, 205), rgb(110, 178, 232), rng.random())
        low = mix(rgb(178, 215, 240), rgb(226, 236, 236), rng.random())
        ambient, strength = rgb(1.0, 0.99, 0.96) * rng.uniform(0.9, 1.06), rng.uniform(0.2, 0.6)
    elif kind == "golden":
        top = mix(rgb(62, 78, 150), rgb(150, 110, 160), rng.random())
        low = mix(rgb(255, 160, 90), rgb(255, 205, 150), rng.random())
        ambient, strength = rgb(1.0, 0.82, 0.68) * rng.uniform(0.7, 1.0), rng.uniform(0.3, 0.7)
    elif kind == "overcast":
        top = mix(rgb(130, 140, 152), rgb(176, 184, 190), rng.random())
        low = mix(rgb(186, 192, 196), rgb(220, 222, 222), rng.random())
        ambient, strength = rgb(0.84, 0.86, 0.9) * rng.uniform(0.82, 1.0), rng.uniform(0.3, 0.65)
    elif kind == "fog":
        top = mix(rgb(176, 184, 188), rgb(214, 214, 208), rng.random())
        low = top + rng.uniform(0, 14)
        ambient, strength = rgb(0.9, 0.91, 0.92), rng.uniform(0.72, 0.9)
    else:
        top = mix(rgb(8, 10, 28), rgb(24, 32, 66), rng.random())
        low = mix(rgb(28, 36, 74), rgb(78, 60, 92), rng.random())
        ambient, strength = rgb(0.4, 0.45, 0.62) * rng.uniform(0.85, 1.3), rng.uniform(0.2, 0.5)
    low, top = np.clip(low + tint, 0, 255), np.clip(top + tint, 0, 255)
    disc, clouds = "", rng.uniform(0.0, 0.55)
    if kind in ("day", "golden") and rng.random() < 0.5:
        disc = "sun"
    if kind == "night" and rng.random() < 0.6:
        disc = "moon"
    if kind == "overcast":
        clouds = rng.uniform(0.6, 0.95)
    elif kind == "fog":
        clouds = 0.0
    height = rng.uniform(0.16, 0.36) if kind == "golden" else rng.uniform(0.06, 0.26)
    falling = ""
    if kind in ("overcast", "fog", "night") and rng.random() < 0.35:
        falling = "snow" if winter else "rain"
    glow = rgb(255, 190, 120) if kind == "golden" else rgb(255, 246, 218)
    return Light(
        kind, top, low, ambient, low, strength,
        float(rng.choice([-1, 1])), disc, (float(rng.uniform(0.1, 0.9)), float(height)),
        float(clouds), falling, glow,
    )
