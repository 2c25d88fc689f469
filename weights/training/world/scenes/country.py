"""Scenes on land, outside the town."""

import numpy as np

from .. import beings, buildings, land, noise, plants, vehicles
from ..light import rgb


def _background(s, height=0.15):
    kind = s.rng.integers(4)
    if kind == 0:
        land.mountains(s, s.horizon + 0.01, s.between(0.6, 1.6) * height)
    elif kind < 3:
        for layer in range(s.rng.integers(1, 3)):
            land.hills(s, s.horizon + 0.01, height * s.between(0.3, 1.0), distance=0.85 - 0.2 * layer)
    if s.chance(0.5):
        land.tree_line(s, s.horizon + 0.012, s.between(0.02, 0.06), 0.7)


def desert(s):
    color = s.pick([(222, 178, 118), (206, 150, 100), (230, 200, 150), (196, 140, 104)])
    if s.chance(0.6):
        land.mountains(s, s.horizon + 0.01, s.between(0.05, 0.25),
                       s.pick([(176, 110, 80), (160, 124, 100), (190, 140, 104)]), snow=False,
                       sharp=s.chance(0.4))
    land.sand(s, color=color)
    for layer in range(s.rng.integers(0, 5)):  # dunes, one before the other
        y = s.horizon + (0.06 + 0.16 * layer) * s.between(0.6, 1.1)
        crest = y - s.between(0.03, 0.14) * noise.ridge(s.rng, s.n, 2, 0.3, False, s.rng.integers(1, 4))
        if y > 0.95:
            break
        lee = np.clip((s.ys - crest[None, :]) * s.between(6, 14), 0, 1)
        slope = np.gradient(crest)[None, :] * s.n * 2 * s.light.side
        land_color = color * s.between(0.9, 1.06)
        s.ground(crest, land_color, land_color * 1.05, "sand", grain=0.04, across=60, along=160,
                 tone=0.9 + 0.14 * lee - 0.2 * np.clip(slope, -1, 1) * (1 - lee))
    if s.chance(0.4):
        for x, y in s.spots(s.rng.integers(1, 6), s.horizon + 0.03, 1.0):
            scale, distance = s.place(y)
            _rock(s, x, y, 0.16 * scale * s.between(0.4, 1.2), distance, (168, 120, 92))
    if s.chance(0.55):
        plants.trees(s, s.rng.integers(1, 9), s.horizon + 0.03, 1.0, s.between(0.35, 0.6),
                     (plants.cactus,) if s.chance(0.7) else (plants.cactus, plants.bush))
    if s.chance(0.25):
        plants.trees(s, s.rng.integers(2, 6), s.horizon + 0.05, s.horizon + 0.25, 1.0, (plants.palm,))
    if s.chance(0.4):
        beings.scatter(s, beings.camel, s.rng.integers(1, 6), s.horizon + 0.08, 0.95, 0.3)
    if s.chance(0.2):
        beings.scatter(s, beings.person, s.rng.integers(1, 4), s.horizon + 0.08, 1.0, 0.24)
    if s.chance(0.15):
        land.road(s, s.between(0.3, 0.7), s.between(0.1, 0.25))


def _rock(s, x, y, r, distance, color):
    angles = np.sort(s.rng.uniform(np.pi, 2 * np.pi, 7))
    points = [(x + np.cos(a) * r * s.between(0.8, 1.2), y + np.sin(a) * r * s.between(0.6, 0.9))
              for a in angles]
    tone = s.tinted(color)
    s.polygon([(x - r, y)] + points + [(x + r, y)], tone, "rock", distance)
    lit = [p for p in points if (p[0] - x) * s.light.side > -r * 0.2]
    if len(lit) > 1:
        s.polygon([(x + s.light.side * r * 0.2, y - r * 0.25)] + lit, tone * 1.18, "rock", distance)


def farm(s):
    _background(s)
    land.grass(s)
    split = s.between(0.35, 0.65)
    for side in range(s.rng.integers(1, 3)):
        tilt = s.between(-0.3, 0.3)
        edge = split + tilt * (s.ys - s.horizon)
        mask = (s.xs < edge if (side == 0) == (split > 0.5) else s.xs > edge + 0.02)
        land.field_rows(s, s.horizon + s.between(0.02, 0.12), mask & (s.ys > s.horizon + 0.01))
    if s.chance(0.3):
        land.road(s, s.between(0.2, 0.8), s.between(0.08, 0.18), color=(150, 124, 94), lines=False,
                  curve=s.between(-0.2, 0.2))
    y = s.horizon + s.between(0.04, 0.2)
    scale, distance = s.place(y + 0.15)
    x = s.between(0.15, 0.85)
    if s.chance(0.85):
        buildings.barn(s, x, y, s.between(0.14, 0.3), 1 - scale)
    if s.chance(0.6):
        buildings.house(s, (x + s.between(0.25, 0.6)) % 1, y + 0.01, s.between(0.12, 0.22), 1 - scale)
    if s.chance(0.6):
        plants.trees(s, s.rng.integers(1, 5), y, y + 0.12, s.between(0.7, 1.2),
                     (plants.tree, plants.bush))
    if s.chance(0.6):
        fy = s.between(y + 0.08, 0.9)
        h = 0.2 * s.place(fy)[0] + 0.02
        slope = s.between(-0.12, 0.12)
        buildings.fence(s, [(t, fy + slope * (t - 0.5)) for t in np.linspace(-0.05, 1.05, 14)], h,
                        s.place(fy)[1])
    if s.chance(0.75):
        kind = (beings.cow, beings.sheep, beings.horse)[s.rng.integers(3)]
        beings.scatter(s, kind, s.rng.integers(1, 7), min(0.85, y + 0.1), 0.98, s.between(0.16, 0.28))
    if s.chance(0.3):
        ty = s.between(y + 0.1, 0.92)
        vehicles.tractor(s, s.between(0.15, 0.85), ty, 0.05 + 0.34 * s.place(ty)[0], s.place(ty)[1])
    if s.chance(0.2):
        beings.scatter(s, beings.person, 1, 0.7, 1.0, 0.26)
    if s.chance(0.3) and not s.winter:
        for bx, by in s.spots(s.rng.integers(2, 8), y + 0.1, 0.95):
            r = 0.08 * s.place(by)[0]
            s.ellipse(bx, by - r, r, r, (214, 186, 100), "field", s.place(by)[1])
            s.ellipse(bx, by - r, r * 0.55, r * 0.55, (186, 156, 80), "field", s.place(by)[1])


def forest(s):
    if s.chance(0.4):
        land.mountains(s, s.horizon + 0.01, s.between(0.1, 0.3))
    land.tree_line(s, s.horizon + 0.02, s.between(0.2, 0.5), 0.75)
    if s.chance(0.6):
        land.tree_line(s, s.horizon + 0.03, s.between(0.1, 0.25), 0.55)
    floor = s.pick([(96, 92, 54), (84, 100, 52), (110, 86, 58), (72, 96, 52)])
    land.grass(s, color=None if s.winter else floor)
    path = None
    if s.chance(0.45):
        path = land.road(s, s.between(0.3, 0.7), s.between(0.1, 0.26), color=(138, 112, 84),
                         lines=False, curve=s.between(-0.3, 0.3))
    if s.chance(0.15):
        at_y = s.horizon + s.between(0.1, 0.4)
        mask = ((s.xs - s.between(0.2, 0.8)) / 0.3) ** 2 + ((s.ys - at_y) / 0.06) ** 2 < 1
        land.water(s, mask=mask & (s.ys > s.horizon), calm=True)
    mixes = [(plants.conifer,), (plants.tree,), (plants.conifer, plants.tree),
             (plants.tree, plants.tree, plants.bush), (plants.conifer, plants.conifer, plants.bush)]
    kinds = mixes[s.rng.integers(len(mixes))]
    count = s.rng.integers(18, 46)
    plants.trees(s, count, s.horizon + 0.02, 1.03, s.between(0.9, 1.7), kinds, -0.05, 1.05,
                 avoid=path)
    if s.chance(0.3):
        beings.scatter(s, beings.deer, s.rng.integers(1, 4), s.horizon + 0.2, 0.97, 0.34)
    if s.chance(0.2):
        beings.scatter(s, beings.person, s.rng.integers(1, 3), s.horizon + 0.2, 1.0, 0.3)
    if s.chance(0.2):
        plants.trees(s, s.rng.integers(1, 5), 0.8, 1.02, 0.22, (plants.bush,))


def meadow(s):
    _background(s, 0.2)
    land.grass(s)
    if s.chance(0.5):
        for layer in range(s.rng.integers(1, 3)):
            y = s.horizon + s.between(0.1, 0.35)
            crest = y - s.between(0.03, 0.12) * noise.ridge(s.rng, s.n, 2, 0.3, False, 2)
            land.grass(s, crest)
    if s.chance(0.15):
        land.road(s, s.between(0.2, 0.8), s.between(0.05, 0.14), color=(160, 136, 100), lines=False,
                  curve=s.between(-0.3, 0.3))
    if s.chance(0.65):
        plants.trees(s, s.rng.integers(1, 6), s.horizon + 0.03, s.horizon + 0.3, s.between(0.7, 1.3),
                     (plants.tree,) if s.chance(0.6) else (plants.tree, plants.bush, plants.conifer))
    if s.chance(0.1):
        buildings.house(s, s.between(0.1, 0.9), s.horizon + 0.05, s.between(0.06, 0.12), 0.7)
    if s.chance(0.45):
        kind = (beings.cow, beings.sheep, beings.horse, beings.deer)[s.rng.integers(4)]
        beings.scatter(s, kind, s.rng.integers(1, 7), s.horizon + 0.1, 0.97, s.between(0.15, 0.26))
    if s.chance(0.15):
        beings.scatter(s, beings.person, s.rng.integers(1, 3), s.horizon + 0.15, 1.0, 0.26)
    if not s.winter and s.chance(0.75):
        plants.flowers(s, s.rng.integers(20, 140), s.horizon + 0.12, 1.02)
    if s.chance(0.3):
        beings.birds(s, s.rng.integers(2, 7), 0.05, s.horizon)


def mountains(s):
    layers = s.rng.integers(2, 5)
    high = s.between(0.35, 0.6)
    for layer in range(layers):
        t = layer / max(1, layers - 1)
        land.mountains(s, s.horizon + 0.02 + 0.06 * t, high * (1 - 0.55 * t), distance=0.85 - 0.6 * t)
    if s.chance(0.6):
        land.tree_line(s, s.horizon + 0.09, s.between(0.02, 0.08), 0.5)
    s.horizon = min(0.9, s.horizon + 0.06)
    if s.chance(0.35):
        rock = s.pick([(124, 118, 112), (140, 128, 114)])
        s.ground(s.horizon, rock, rock, "rock", grain=0.2, across=40, along=80)
    else:
        land.grass(s)
    if s.chance(0.5):
        plants.trees(s, s.rng.integers(2, 14), s.horizon + 0.005, 1.02, s.between(0.2, 0.4),
                     (plants.conifer,))
    if s.chance(0.3):
        for x, y in s.spots(s.rng.integers(1, 6), s.horizon + 0.02, 1.02):
            _rock(s, x, y, s.between(0.02, 0.06), 0.1, (130, 124, 118))
    if s.chance(0.2):
        buildings.house(s, s.between(0.1, 0.9), s.horizon + 0.05, s.between(0.06, 0.12), 0.2,
                        s.tinted((130, 92, 64)))
    if s.chance(0.25):
        kind = (beings.person, beings.sheep, beings.deer)[s.rng.integers(3)]
        for x, y in s.spots(s.rng.integers(1, 4), s.horizon + 0.02, 1.0):
            kind(s, x, y, s.between(0.04, 0.08))
    if s.chance(0.35):
        beings.birds(s, s.rng.integers(1, 5), 0.05, s.horizon - 0.3)
    if s.chance(0.3):  # mist in the valley
        s.blend(s.light.haze, 0.5 * np.exp(-(((s.ys - s.horizon) / 0.08) ** 2)) + 0 * s.xs)


def park(s):
    if s.chance(0.5):
        for x in np.arange(s.between(-0.1, 0.1), 1.1, s.between(0.1, 0.2)):
            if s.chance(0.6):
                buildings.tower(s, x, s.horizon + 0.01, s.between(0.03, 0.06), s.between(0.06, 0.22), 0.8)
    land.tree_line(s, s.horizon + 0.02, s.between(0.05, 0.16), 0.6)
    land.grass(s)
    path = land.road(s, s.between(0.1, 0.9), s.between(0.12, 0.32), color=s.pick([(206, 186, 150),
                     (176, 168, 156), (190, 160, 120)]), label="pavement", lines=False,
                     curve=s.between(-0.35, 0.35)) if s.chance(0.85) else None
    if s.chance(0.35):
        px, py = s.between(0.2, 0.8), s.horizon + s.between(0.12, 0.3)
        mask = ((s.xs - px) / s.between(0.15, 0.32)) ** 2 + ((s.ys - py) / s.between(0.03, 0.08)) ** 2 < 1
        land.water(s, mask=mask & (s.ys > s.horizon + 0.01), calm=True)
    plants.trees(s, s.rng.integers(3, 10), s.horizon + 0.03, 0.95, s.between(0.7, 1.1),
                 (plants.tree, plants.tree, plants.bush), avoid=path)
    for x, y in s.spots(s.rng.integers(0, 4), s.horizon + 0.1, 0.97):
        _bench(s, x, y, 0.2 * s.place(y)[0], s.place(y)[1])
    if s.chance(0.6):
        for x, y in s.spots(s.rng.integers(1, 4), s.horizon + 0.08, 0.95):
            buildings.lamp(s, x, y, 0.06 + 0.5 * s.place(y)[0], s.place(y)[1])
    beings.scatter(s, beings.person, s.rng.integers(0, 7), s.horizon + 0.08, 1.0, 0.32)
    if s.chance(0.3):
        beings.scatter(s, beings.dog, s.rng.integers(1, 3), s.horizon + 0.15, 1.0, 0.12)
    if s.chance(0.4) and not s.winter:
        left = s.between(0, 0.7)
        plants.flowers(s, s.rng.integers(15, 60), 0.75, 1.0, (left, left + 0.3))


def _bench(s, x, y, w, distance):
    color = s.pick([(130, 92, 60), (90, 110, 80), (150, 60, 50)])
    for dy in (0.32, 0.5, 0.66):
        s.rect(x - w * 0.6, y - w * dy, x + w * 0.6, y - w * (dy - 0.09), color, "fence", distance)
    for side in (-0.5, 0.5):
        s.rect(x + side * w - w * 0.04, y - w * 0.36, x + side * w + w * 0.04, y, (60, 60, 62),
               "fence", distance)


def village(s):
    _background(s, 0.2)
    land.grass(s)
    path = land.road(s, s.between(0.1, 0.9), s.between(0.12, 0.25), color=s.pick([(170, 150, 120),
                     (120, 118, 116), (150, 130, 104)]), lines=False, curve=s.between(-0.3, 0.3)) \
        if s.chance(0.7) else None
    low, high = s.horizon + 0.03, s.between(0.72, 0.92)
    things = [(x, y, "house") for x, y in s.spots(s.rng.integers(5, 13), low, high)]
    things += [(x, y, "tree") for x, y in s.spots(s.rng.integers(2, 9), low, high + 0.05)]
    if s.chance(0.5):
        things.append((s.between(0.2, 0.8), low + s.between(0.0, 0.08), "church"))
    for x, y, kind in sorted(things, key=lambda t: t[1]):
        scale, distance = s.place(y)
        if path is not None and abs(x - path(y)[0]) < path(y)[1] + 0.12 * scale and kind != "church":
            continue
        if kind == "house":
            buildings.house(s, x, y, 0.05 + 0.42 * scale * s.between(0.8, 1.2), distance)
        elif kind == "church":
            buildings.church(s, x, y, 0.2 + 0.7 * scale, distance)
        else:
            plant = (plants.tree, plants.conifer, plants.bush)[s.rng.integers(3)]
            plant(s, x, y, 0.03 + 0.4 * scale * s.between(0.6, 1.1), distance)
    if s.chance(0.4):
        fy = s.between(0.8, 0.95)
        start = s.between(-0.2, 0.5)
        buildings.fence(s, [(start + t, fy) for t in np.linspace(0, 0.6, 9)], 0.07)
    beings.scatter(s, beings.person, s.rng.integers(0, 4), s.horizon + 0.12, 1.0, 0.24)
    if s.chance(0.25):
        beings.scatter(s, (beings.sheep, beings.cow, beings.dog)[s.rng.integers(3)],
                       s.rng.integers(1, 4), 0.75, 1.0, 0.16)
    if s.chance(0.2) and path is not None:
        y = s.between(s.horizon + 0.15, 0.95)
        vehicles.car_side(s, path(y)[0], y, 0.04 + 0.3 * s.place(y)[0], s.place(y)[1])
