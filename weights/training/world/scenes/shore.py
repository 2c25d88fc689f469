"""Scenes at and on the water."""

import numpy as np

from .. import beings, buildings, land, noise, plants, vehicles
from ..light import rgb

BOATS = (vehicles.sailboat, vehicles.motorboat, vehicles.ship)


def _boats(s, count, low, high, width, kinds=BOATS):
    for x, y in s.spots(count, low, high, -0.02, 1.02):
        scale, distance = s.place(y)
        w = max(0.025, width * scale * s.between(0.7, 1.3))
        kinds[s.rng.integers(len(kinds))](s, x, y, w, distance)
        vehicles.wake(s, x, y, w)


def _far_shore(s, odds=0.5):
    """Something on the horizon, or nothing."""
    if s.chance(odds):
        kind = s.rng.integers(3)
        if kind == 0:
            land.mountains(s, s.horizon + 0.005, s.between(0.04, 0.16), distance=s.between(0.7, 1))
        elif kind == 1:
            land.hills(s, s.horizon + 0.005, s.between(0.02, 0.08), distance=0.85)
        else:
            land.tree_line(s, s.horizon + 0.005, s.between(0.02, 0.05), 0.8)


def _umbrella(s, x, y, h, distance=0.0):
    a, b = s.pick([(220, 60, 60), (60, 120, 190), (240, 190, 60), (80, 160, 110)]), \
        rgb(244, 240, 232)
    s.line([(x, y), (x, y - h)], h * 0.04, (150, 140, 130), "umbrella", distance)
    edges = np.linspace(-0.62, 0.62, 6)
    for i in range(5):
        s.polygon([(x, y - h), (x + edges[i] * h, y - h * 0.66), (x + edges[i + 1] * h, y - h * 0.66)],
                  a if i % 2 == 0 else b, "umbrella", distance)
    towel = s.pick(beings.CLOTH)
    s.polygon([(x + h * 0.1, y + h * 0.08), (x + h * 0.8, y + h * 0.05), (x + h * 0.9, y + h * 0.2),
               (x + h * 0.15, y + h * 0.24)], towel, "umbrella", distance)


def beach(s):
    _far_shore(s, 0.45)
    land.water(s)
    if s.chance(0.5):
        _boats(s, s.rng.integers(1, 4), s.horizon + 0.01, s.horizon + 0.1, 0.5)
    # The waterline: from one side to the other, or slanting far into the picture.
    level = s.between(0.25, 0.6)
    slant = s.between(-0.35, 0.35) if s.chance(0.6) else 0.0
    wavy = noise.ridge(s.rng, s.n, 3, 0.4, False, 2) * 0.07
    line = s.horizon + (1 - s.horizon) * level + slant * (np.linspace(-0.5, 0.5, s.n)) + wavy
    line = np.maximum(line, s.horizon + 0.015)
    color = s.pick([(226, 200, 150), (216, 184, 130), (236, 216, 172), (206, 176, 140)])
    land.sand(s, line, color)
    wet = np.clip(1 - (s.ys - line[None, :]) / 0.06, 0, 1) * (s.ys >= line[None, :])
    s.blend(rgb(120, 104, 84) * s.light.ambient, 0.45 * wet)
    foam = np.exp(-(((s.ys - line[None, :]) / s.between(0.006, 0.014)) ** 2))
    s.blend(rgb(246, 248, 248) * s.light.ambient, 0.85 * foam)
    low = float(line.max())
    if s.chance(0.5):
        side = s.rng.choice([0, 1])
        plants.trees(s, s.rng.integers(1, 5), min(0.97, low + 0.03), 1.0, s.between(0.6, 0.9),
                     (plants.palm,), 0.0 + 0.7 * side, 0.3 + 0.7 * side)
    for x, y in s.spots(s.rng.integers(0, 6), min(low + 0.03, 0.92), 1.0):
        scale, distance = s.place(y)
        _umbrella(s, x, y, 0.3 * scale * s.between(0.8, 1.2), distance)
    beings.scatter(s, beings.person, s.rng.integers(0, 8), min(low - 0.02, 0.92), 1.0, 0.26,
                   bare=True)
    if s.chance(0.4):
        beings.birds(s, s.rng.integers(2, 7), 0.05, s.horizon)


def open_sea(s):
    _far_shore(s, 0.25)
    land.water(s)
    kinds = BOATS if s.chance(0.6) else BOATS[:1]
    _boats(s, s.rng.integers(0, 4), s.horizon + 0.02, min(1.0, s.horizon + 0.4), s.between(0.5, 1.0),
           kinds)
    if s.chance(0.5):
        beings.birds(s, s.rng.integers(1, 8), 0.05, s.horizon)


def island(s):
    _far_shore(s, 0.25)
    land.water(s)
    if s.chance(0.35):
        _boats(s, s.rng.integers(1, 3), s.horizon + 0.01, s.horizon + 0.06, 0.4)
    y = s.horizon + s.between(0.03, 0.3) * (1 - s.horizon)
    x, half = s.between(0.3, 0.7), s.between(0.16, 0.36)
    height = half * s.between(0.15, 0.6)
    line = np.clip(1 - ((s.xs - x) / half) ** 2, 0, 1)
    bump = noise.ridge(s.rng, s.n, 5, 0.5, s.chance(0.4), 4)[None, :]
    rocky = s.chance(0.35)
    flat = half * s.between(0.08, 0.16)
    label, color = ("rock", s.pick([(120, 112, 104), (100, 98, 98)])) if rocky else \
        ("sand", s.pick([(226, 204, 156), (214, 190, 140)]))
    distance = 1 - (y - s.horizon) / (1 - s.horizon)
    shore = (np.abs(s.ys - y) < flat * np.sqrt(line)) & (line > 0)
    s.cover(shore, s.light.shade(rgb(*color) * (1 + 0.08 * s.ground_texture(120, 200)[..., None]),
                                 distance), label)
    if height > 0.04 or s.chance(0.5):
        inner = np.clip(1 - ((s.xs - x) / (half * 0.85)) ** 2, 0, 1)
        top = y - height * inner**0.8 * (0.35 + 0.65 * bump)
        mask = (s.ys > top) & (s.ys < y + flat * 0.1) & (inner > 0)
        cover, name = ((112, 106, 100), "rock") if rocky else (land.grass_color(s), "grass")
        grain = noise.lookup(s.texture, s.xs * 400 + 0 * s.ys, s.ys * 300 + 0 * s.xs)[..., None]
        s.cover(mask, s.light.shade(rgb(*cover) * (1 + 0.13 * grain), distance), name)
    size = half * s.between(0.5, 1.0)
    kinds = (plants.palm,) if s.chance(0.6) else (plants.palm, plants.tree, plants.bush)
    if s.chance(0.25):
        kinds = (plants.conifer, plants.bush)
    for _ in range(s.rng.integers(2, 9)):
        px = x + half * s.between(-0.7, 0.7)
        py = y - height * 0.3 * max(0, 1 - ((px - x) / half) ** 2)
        kinds[s.rng.integers(len(kinds))](s, px, py, size * s.between(0.5, 1.0), distance)
    if s.chance(0.2):
        buildings.lighthouse(s, x + half * s.between(-0.4, 0.4), y - height * 0.2, half * 1.1,
                             distance)
    elif s.chance(0.25):
        buildings.house(s, x + half * s.between(-0.4, 0.4), y, half * 0.4, distance)
    if s.chance(0.7):
        land.mirror(s, min(0.95, y + flat * 0.8), strength=s.between(0.1, 0.35))
    if s.chance(0.3):
        _boats(s, 1, min(0.95, y + flat + 0.05), 1.0, 0.4)


def harbour(s):
    if s.chance(0.7):
        _far_shore(s, 0.9)
    if s.chance(0.4):
        for _ in range(s.rng.integers(1, 4)):
            vehicles.crane(s, s.rng.random(), s.horizon + 0.02, s.between(0.15, 0.4), 0.5)
    land.water(s, calm=True)
    # A mole or a row of warehouses behind the boats.
    y = s.horizon + s.between(0.03, 0.1)
    for x in np.arange(s.between(-0.1, 0.2), s.between(0.7, 1.1), s.between(0.09, 0.16)):
        if s.chance(0.75):
            buildings.house(s, x, y, s.between(0.07, 0.16), 0.6)
    s.rect(0, y - 0.004, 1, y + s.between(0.012, 0.03), s.pick([(140, 136, 130), (116, 112, 110)]),
           "pavement", 0.6)
    if s.chance(0.35):
        buildings.lighthouse(s, s.rng.choice([0.1, 0.9]) + s.between(-0.06, 0.06), y,
                             s.between(0.2, 0.38), 0.5)
    land.mirror(s, min(0.9, y + 0.03), strength=s.between(0.1, 0.4))
    quay = s.between(0.72, 0.9) if s.chance(0.75) else 1.0
    kinds = (lambda *a: vehicles.sailboat(*a, sails=False), vehicles.motorboat, vehicles.sailboat)
    _boats(s, s.rng.integers(3, 9), y + 0.05, quay - 0.02, s.between(0.3, 0.5), kinds)
    if s.chance(0.3):
        vehicles.ship(s, s.between(0.3, 0.7), y + 0.08, s.between(0.4, 0.7), 0.4)
    if quay < 1:
        stone = s.pick([(150, 142, 132), (128, 124, 122), (160, 134, 104)])
        s.ground(quay, stone, stone, "pavement", grain=0.07, across=180, along=160)
        s.rect(0, quay, 1, quay + 0.02, stone * 1.15, "pavement")
        s.rect(0, quay + 0.02, 1, quay + 0.026, stone * 0.6, "pavement")
        beings.scatter(s, beings.person, s.rng.integers(0, 5), quay + 0.04, 1.0, 0.3)
        for _ in range(s.rng.integers(0, 5)):
            x = s.rng.random()
            s.rect(x, quay - 0.005, x + 0.02, quay + 0.03, (60, 56, 54), "pavement")
        if s.chance(0.3):
            buildings.lamp(s, s.rng.random(), 0.97, 0.4)
    if s.chance(0.4):
        beings.birds(s, s.rng.integers(2, 7), 0.05, s.horizon)


def mountain_lake(s):
    for layer in range(s.rng.integers(1, 4)):
        land.mountains(s, s.horizon + 0.01, s.between(0.2, 0.42) * (1 - 0.22 * layer),
                       distance=0.85 - 0.22 * layer)
    if s.chance(0.75):
        land.tree_line(s, s.horizon + 0.012, s.between(0.03, 0.09), 0.5)
    land.water(s, calm=True)
    land.mirror(s, s.horizon + 0.01, strength=s.between(0.25, 0.65))
    if s.chance(0.3):
        _boats(s, 1, s.horizon + 0.1, s.horizon + 0.25, 0.4, BOATS[:2])
    if s.chance(0.8):  # the near shore
        line = s.between(0.72, 0.95) - 0.12 * noise.ridge(s.rng, s.n, 4, 0.4, False, 2)
        line = line + s.between(-0.3, 0.3) * (s.xs[0] - 0.5)
        if s.chance(0.4):
            rock = s.pick([(128, 122, 114), (110, 108, 106)])
            s.ground(line, rock, rock, "snow" if s.winter else "rock", grain=0.2, across=60, along=90)
        else:
            land.grass(s, line)
        low = float(min(line.max(), 0.95))
        plants.trees(s, s.rng.integers(0, 7), low, 1.02, s.between(0.4, 0.9),
                     (plants.conifer,) if s.chance(0.7) else (plants.conifer, plants.tree))
        if s.chance(0.2):
            beings.scatter(s, beings.person, s.rng.integers(1, 3), low, 1.0, 0.22)


def river(s):
    back = s.rng.integers(3)
    if back == 0:
        land.mountains(s, s.horizon + 0.01, s.between(0.1, 0.3))
    elif back == 1:
        land.hills(s, s.horizon + 0.01, s.between(0.05, 0.15))
    land.tree_line(s, s.horizon + 0.012, s.between(0.03, 0.1), 0.6)
    land.grass(s)
    z = np.clip((s.ys - s.horizon) / (1 - s.horizon), 0, 1)
    start, end = s.between(0.3, 0.7), s.between(0.15, 0.85)
    bend = s.between(0.05, 0.28) * s.rng.choice([-1, 1])
    middle = start + (end - start) * z + bend * np.sin(z**0.6 * s.between(3, 7))
    half = s.between(0.25, 0.45) * z**s.between(0.9, 1.3) + 0.004
    wobble = 0.02 * z * np.interp(s.ys[:, 0], np.linspace(0, 1, 14), s.rng.normal(0, 1, 14))[:, None]
    mask = (np.abs(s.xs - middle - wobble) < half) & (s.ys > s.horizon + 0.01)
    bank = (np.abs(s.xs - middle - wobble) < half * 1.12) & (s.ys > s.horizon + 0.01)
    s.blend(rgb(120, 100, 70) * s.light.ambient, 0.6 * bank)
    land.water(s, mask=mask, calm=s.chance(0.6))
    if s.chance(0.3):
        y = s.horizon + s.between(0.12, 0.3)
        buildings.bridge(s, y, s.between(0.06, 0.12), distance=0.5)

    def avoid(y):
        row = min(s.n - 1, int(y * s.n))
        return float(middle[row, 0]), float(half[row, 0]) * 1.1

    kinds = [(plants.tree, plants.bush), (plants.conifer, plants.tree), (plants.bush, plants.tree)]
    plants.trees(s, s.rng.integers(4, 16), s.horizon + 0.02, 1.0, s.between(0.4, 0.8),
                 kinds[s.rng.integers(3)], avoid=avoid)
    if s.chance(0.25):
        y = s.between(s.horizon + 0.25, 0.95)
        vehicles.motorboat(s, avoid(y)[0], y, avoid(y)[1] * 0.6)
    if s.chance(0.25) and not s.winter:
        plants.flowers(s, s.rng.integers(8, 30), s.horizon + 0.3, 1.0, (0, 0.25))
    if s.chance(0.15):
        buildings.house(s, s.rng.choice([0.12, 0.88]), s.horizon + 0.12, s.between(0.12, 0.2), 0.5)
