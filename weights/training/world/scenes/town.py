"""Scenes in the town and on its roads."""

import numpy as np

from .. import beings, buildings, land, plants, vehicles
from ..light import mix, rgb
from .country import _background


def street(s):
    if s.chance(0.5):
        for x in np.arange(0.3, 0.7, s.between(0.05, 0.1)):
            buildings.tower(s, x, s.horizon + 0.01, s.between(0.02, 0.04), s.between(0.05, 0.2), 0.85)
    else:
        land.tree_line(s, s.horizon + 0.02, s.between(0.05, 0.12), 0.8)
    stone = s.pick([(164, 160, 154), (146, 144, 144), (178, 164, 148)])
    if s.winter:
        stone = mix(stone, rgb(228, 232, 240), 0.6)
    s.ground(s.horizon, stone, stone * 1.05, "pavement", grain=0.05, across=180, along=180)
    vanish = s.between(0.35, 0.65)
    at = land.road(s, s.between(0.4, 0.6), s.between(0.22, 0.36), vanish, lanes=1)
    _house_rows(s, vanish)
    y_values = s.horizon + (1 - s.horizon) * np.linspace(0.12, 0.85, s.rng.integers(3, 6))
    side_kind = s.rng.integers(3)
    for y in y_values:
        scale, distance = s.place(y)
        middle, half = at(y)
        for sign in (-1, 1):
            x = middle + sign * (half + 0.1 * scale)
            if side_kind == 0:
                buildings.lamp(s, x, y, 0.75 * scale, distance)
            elif side_kind == 1 and s.chance(0.7):
                plants.tree(s, x, y, 0.65 * scale * s.between(0.8, 1.1), distance)
    for y in np.sort(s.rng.uniform(s.horizon + 0.07, 0.98, s.rng.integers(1, 7))):
        scale, distance = s.place(y)
        middle, half = at(y)
        left = s.chance(0.5)
        x = middle + half * (-0.5 if left else 0.5)
        vehicles.car_end(s, x, y, half * s.between(0.4, 0.6), distance, rear=not left)
    for x, y in s.spots(s.rng.integers(0, 9), s.horizon + 0.06, 1.0):
        scale, distance = s.place(y)
        middle, half = at(y)
        if abs(x - middle) > half or s.chance(0.2):
            beings.person(s, x, y, 0.34 * scale + 0.01, distance)


def _house_rows(s, vanish):
    """Closed rows of houses on both sides, in perspective towards `vanish`, far to near."""
    for sign in (-1, 1):
        if s.chance(0.08):
            continue
        edge = s.between(0.36, 0.5)  # distance from the middle at the lower edge
        storeys = s.between(0.8, 1.5)
        depths = 1 / np.linspace(1 / 0.09, 1 / 1.6, s.rng.integers(7, 12))
        for near_z, far_z in zip(depths[1:], depths[:-1]):
            x_far, x_near = vanish + sign * edge * far_z * 1.4, vanish + sign * edge * near_z * 1.4
            base = s.horizon + (1 - s.horizon) * 0.5 * (far_z + near_z) * 0.9
            height = storeys * s.between(0.85, 1.2)
            h_far, h_near = height * far_z, height * near_z
            y_far = s.horizon + (1 - s.horizon) * far_z
            y_near = s.horizon + (1 - s.horizon) * near_z
            distance = 1 - min(1.0, base - s.horizon)
            wall = s.pick(buildings.WALLS)
            s.polygon([(x_far, y_far), (x_near, y_near), (x_near, y_near - h_near),
                       (x_far, y_far - h_far)], wall * (0.86 if sign == s.light.side else 1.0),
                      "house", distance)
            roof = s.pick(buildings.ROOFS)
            s.polygon([(x_far, y_far - h_far), (x_near, y_near - h_near),
                       (x_near + sign * 0.02, y_near - h_near * 1.1),
                       (x_far + sign * 0.02, y_far - h_far * 1.1)], roof, "house", distance)
            _slanted_windows(s, (x_far, y_far, h_far), (x_near, y_near, h_near), distance)


def _slanted_windows(s, far, near, distance):
    columns, rows = s.rng.integers(2, 4), s.rng.integers(3, 5)

    def at(t, level):
        x, y, h = (a + (b - a) * t for a, b in zip(far, near))
        return x, y - h * level

    shop = s.chance(0.3)
    for r in range(rows):
        for c in range(columns):
            color, lit = buildings.window_glow(s)
            t0, t1 = (c + 0.25) / columns, (c + 0.75) / columns
            l0, l1 = (r + 0.3) / rows, (r + 0.8) / rows
            if r == 0:
                l0 = 0.0 if c == 0 else 0.06
                if shop:
                    t0, t1 = (c + 0.08) / columns, (c + 0.92) / columns
            s.polygon([at(t0, l0), at(t1, l0), at(t1, l1), at(t0, l1)], color, "house", distance, lit)


def highway(s):
    _background(s, 0.2)
    if s.chance(0.3):
        for x in np.arange(s.between(-0.1, 0.3), s.between(0.6, 1.1), 0.07):
            buildings.tower(s, x, s.horizon + 0.01, s.between(0.02, 0.035), s.between(0.05, 0.2), 0.85)
    if s.chance(0.15):
        land.sand(s)
    else:
        land.grass(s)
    lanes = s.rng.integers(2, 4)
    center = s.between(0.25, 0.75)
    at = land.road(s, center, s.between(0.5, 0.85), s.between(0.3, 0.7), lanes=lanes,
                   curve=s.between(-0.25, 0.25))
    if s.chance(0.5):  # crash barrier
        for sign in (-1, 1):
            points = []
            for y in np.linspace(s.horizon + 0.02, 1.0, 14):
                middle, half = at(y)
                points.append((middle + sign * half * 1.06, y - 0.05 * s.place(y)[0]))
            for a, b in zip(points, points[1:]):
                s.line([a, b], 0.004 + 0.02 * s.place(b[1])[0], (176, 180, 184), "fence",
                       s.place(b[1])[1])
    plants.trees(s, s.rng.integers(0, 9), s.horizon + 0.02, 0.9, s.between(0.4, 0.8),
                 (plants.tree, plants.conifer, plants.bush), avoid=at)
    for y in np.sort(s.horizon + 0.04 + (0.97 - s.horizon) * s.rng.random(s.rng.integers(2, 11)) ** 1.4):
        scale, distance = s.place(y)
        middle, half = at(y)
        lane = s.rng.integers(2 * lanes)
        x = middle + half * ((lane + 0.5) / lanes - 1)
        vehicles.car_end(s, x, y, half / lanes * s.between(0.5, 0.68), distance, rear=lane >= lanes)
    if s.chance(0.3):
        y = s.horizon + s.between(0.05, 0.12)
        height = s.between(0.14, 0.24)
        s.rect(-0.05, y - height, 1.05, y - height * 0.75, (150, 148, 146), "bridge", 0.5)
        for x in (0.08, 0.92):
            s.rect(x - 0.02, y - height * 0.75, x + 0.02, y, (134, 132, 130), "bridge", 0.5)
    elif s.chance(0.35):
        y = s.horizon + s.between(0.08, 0.2)
        middle, half = at(y)
        post = middle + half * 1.2
        top = y - s.between(0.2, 0.3)
        s.line([(post, y), (post, top)], 0.01, (120, 124, 128), "lamp", 0.4)
        s.rect(middle - half * 0.6, top, post, top + 0.07, s.pick([(40, 100, 70), (40, 80, 150)]),
               "lamp", 0.4)
    if s.chance(0.35):
        for y in s.horizon + (1 - s.horizon) * np.linspace(0.1, 0.7, 4):
            middle, half = at(y)
            buildings.lamp(s, middle + half * 1.15, y, 0.7 * s.place(y)[0], s.place(y)[1])


def night_city(s):
    base = s.horizon
    for layer in range(s.rng.integers(2, 4)):
        distance = 0.8 - 0.3 * layer
        tall = s.between(0.25, 0.6) * (1 - 0.12 * layer)
        x = -0.05
        while x < 1.05:
            w = s.between(0.025, 0.075)
            rise = 0.5 + 0.5 * np.exp(-(((x - s.between(0.3, 0.7)) / 0.3) ** 2))
            buildings.tower(s, x + w, base + 0.01, w, tall * s.between(0.35, 1.0) * rise, distance,
                            odds=s.between(0.3, 0.75))
            x += 2 * w + s.between(-0.01, 0.03)
    glow = np.exp(-(((s.ys - base) / 0.12) ** 2)) * (s.ys < base + 0.02)
    s.blend(s.pick([(255, 190, 120), (230, 160, 180), (170, 180, 240)]),
            s.between(0.05, 0.25) * glow + 0 * s.xs)
    kind = s.rng.integers(3)
    if kind == 0:  # on the water
        land.water(s, calm=True)
        land.mirror(s, base + 0.005, strength=s.between(0.4, 0.8))
        if s.chance(0.4):
            vehicles.ship(s, s.rng.random(), s.between(base + 0.08, 0.95), s.between(0.2, 0.4), 0.1)
        if s.chance(0.3):
            buildings.bridge(s, base + 0.08, 0.1, distance=0.3)
    elif kind == 1:  # with a road before it
        dark = rgb(86, 88, 92)
        s.ground(base, dark, dark, "road", grain=0.05)
        for y in np.sort(s.rng.uniform(base + 0.05, 0.98, s.rng.integers(3, 9))):
            scale, distance = s.place(y)
            vehicles.car_side(s, s.rng.random(), y, 0.06 + 0.16 * scale, distance * 0.5)
        for x in np.arange(s.between(0, 0.2), 1, s.between(0.2, 0.4)):
            buildings.lamp(s, x, base + 0.05, s.between(0.1, 0.18))
    else:  # over a park
        land.grass(s)
        plants.trees(s, s.rng.integers(5, 16), base + 0.01, 1.02, s.between(0.3, 0.5),
                     (plants.tree, plants.bush))
        for x, y in s.spots(s.rng.integers(0, 4), base + 0.04, 0.95):
            buildings.lamp(s, x, y, s.between(0.1, 0.16))
