"""Trees, bushes, cacti, flowers. (x, y) is where a plant stands, `h` its height."""

import numpy as np

from .light import mix, rgb


def _leaf_color(s):
    if s.winter:
        return s.pick([(206, 214, 222), (148, 134, 116), (128, 142, 128)])
    if s.chance(0.14):
        return s.pick([(200, 130, 50), (184, 86, 48), (214, 168, 62)])
    return s.pick([(62, 118, 54), (84, 140, 62), (48, 100, 56), (106, 146, 66)])


def tree(s, x, y, h, distance=0.0):
    """A broad-leaved tree; bare or snowy in winter."""
    trunk = s.tinted((96, 72, 52))
    w = h * s.between(0.035, 0.06)
    crown_y = y - h * s.between(0.6, 0.68)
    s.polygon([(x - w, y), (x + w, y), (x + w * 0.6, crown_y), (x - w * 0.6, crown_y)], trunk,
              "tree", distance)
    for side in (-1, 1):
        s.line([(x, y - h * 0.35), (x + side * h * 0.18, crown_y - h * 0.05)], w * 0.8, trunk,
               "tree", distance)
    if s.winter and s.chance(0.7):
        _twigs(s, x, y - h * 0.3, h * 0.32, -np.pi / 2, trunk, w, distance, 4)
        return
    color = _leaf_color(s)
    rx, ry = h * s.between(0.24, 0.36), h * s.between(0.28, 0.36)
    blobs = []
    for _ in range(s.rng.integers(9, 15)):
        a, d = s.between(0, 2 * np.pi), np.sqrt(s.rng.random())
        blobs.append((x + np.cos(a) * d * rx * 0.75, crown_y + np.sin(a) * d * ry * 0.75,
                      h * s.between(0.1, 0.16)))
    for bx, by, r in blobs:
        s.ellipse(bx, by, r, r * 0.95, color * 0.76, "tree", distance)
    lift = s.light.side * h * 0.02
    for bx, by, r in blobs:
        s.ellipse(bx + lift, by - h * 0.025, r * 0.72, r * 0.66, color, "tree", distance)
    for bx, by, r in blobs[::2]:
        s.ellipse(bx + lift * 2, by - h * 0.05, r * 0.36, r * 0.32, color * 1.2, "tree", distance)


def _twigs(s, x, y, length, angle, color, width, distance, depth):
    if depth == 0:
        return
    tip = (x + np.cos(angle) * length, y + np.sin(angle) * length)
    s.line([(x, y), tip], width, color, "tree", distance)
    for turn in (s.between(-0.65, -0.3), s.between(0.25, 0.65)):
        _twigs(s, *tip, length * s.between(0.6, 0.75), angle + turn, color, width * 0.6, distance,
               depth - 1)


def conifer(s, x, y, h, distance=0.0):
    color = s.pick([(38, 82, 58), (48, 92, 56), (34, 70, 60), (58, 96, 66)])
    snowy = s.winter and s.chance(0.8)
    w = h * 0.03
    s.rect(x - w, y - h * 0.14, x + w, y, s.tinted((84, 62, 48)), "tree", distance)
    tiers, width = s.rng.integers(3, 6), h * s.between(0.19, 0.27)
    for i in range(tiers):
        low = y - h * (0.1 + 0.8 * i / tiers)
        high = low - h * (0.9 / tiers + 0.13)
        half = width * (1 - 0.8 * i / tiers)
        tone = color * (0.82 + 0.1 * i)
        s.polygon([(x - half, low), (x + half, low), (x, high)], tone, "tree", distance)
        lit = half * s.light.side
        s.polygon([(x + lit * 0.15, low), (x + lit * 0.95, low), (x, high)], tone * 1.16, "tree",
                  distance)
        if snowy:
            s.polygon([(x - half * 0.6, low - h * 0.05), (x + half * 0.55, low - h * 0.06),
                       (x, high)], rgb(232, 238, 246), "tree", distance)


def palm(s, x, y, h, distance=0.0):
    lean = h * s.between(-0.25, 0.25)
    trunk = s.tinted((138, 106, 74))
    steps = np.linspace(0, 1, 7)
    spine = [(x + lean * t * t, y - h * t) for t in steps]
    w = h * 0.028
    s.polygon([(px - w * (1.3 - 0.6 * t), py) for (px, py), t in zip(spine, steps)]
              + [(px + w * (1.3 - 0.6 * t), py) for (px, py), t in zip(spine[::-1], steps[::-1])],
              trunk, "tree", distance)
    top_x, top_y = spine[-1]
    color = s.pick([(64, 128, 58), (88, 142, 66), (58, 112, 70)])
    for angle in np.linspace(np.pi * 0.98, 2.02 * np.pi, s.rng.integers(7, 11)):
        angle += s.rng.normal(0, 0.12)
        length = h * s.between(0.28, 0.4)
        upper, lower = [], []
        for t in np.linspace(0, 1, 6):
            px = top_x + np.cos(angle) * length * t
            py = top_y + np.sin(angle) * length * t * 0.55 + length * 0.62 * t * t
            half = h * 0.035 * np.sin(np.pi * (0.12 + 0.88 * t))
            upper.append((px, py - half))
            lower.append((px, py + half))
        s.polygon(upper + lower[::-1], color * s.between(0.75, 1.15), "tree", distance)


def bush(s, x, y, h, distance=0.0):
    h *= 0.45  # scenes ask for plants by the height of a tree
    color = _leaf_color(s)
    for i in range(s.rng.integers(4, 8)):
        dx = s.between(-0.8, 0.8) * h
        r = h * s.between(0.32, 0.5)
        s.ellipse(x + dx, y - r * 0.8, r, r * 0.85, color * (0.74 + 0.07 * i), "bush", distance)


def cactus(s, x, y, h, distance=0.0):
    color = s.pick([(84, 128, 78), (98, 136, 86), (70, 116, 82)])
    w = h * 0.11

    def limb(points, width):
        s.line(points, width, color, "bush", distance)
        for px, py in points:
            s.ellipse(px, py, width / 2, width / 2, color, "bush", distance)
        shift = width * 0.2 * s.light.side
        s.line([(px + shift, py) for px, py in points], width * 0.22, color * 1.2, "bush", distance)

    limb([(x, y), (x, y - h)], w * 1.3)
    for side in (-1, 1):
        if s.chance(0.8):
            at, reach, up = s.between(0.35, 0.6) * h, side * h * 0.24, h * s.between(0.2, 0.4)
            limb([(x, y - at), (x + reach, y - at), (x + reach, y - at - up)], w * 0.85)


def flowers(s, count, low, high, mask_x=(0.0, 1.0)):
    """Flowers on the ground between the rows `low` and `high`."""
    colors = [(226, 70, 70), (240, 200, 60), (245, 240, 240), (150, 90, 200), (240, 130, 170)]
    chosen = [s.pick(colors) for _ in range(s.rng.integers(1, 4))]
    for x, y in s.spots(count, low, high, *mask_x, spread=1.2):
        scale, distance = s.place(y)
        r = 0.012 * scale * s.between(0.6, 1.3) + 0.001
        color = chosen[s.rng.integers(len(chosen))]
        s.line([(x, y), (x, y - r * 2.5)], r * 0.4, (74, 120, 52), "grass", distance)
        s.ellipse(x, y - r * 2.5, r, r, color, "flower", distance)
        if r > 0.006:
            s.ellipse(x, y - r * 2.5, r * 0.4, r * 0.4, mix(color, rgb(250, 220, 90), 0.7),
                      "flower", distance)


def trees(s, count, low, high, height, kinds=(tree,), left=0.0, right=1.0, avoid=None):
    """Plants of `kinds` from far to near; `avoid(y)` gives a (middle, half width) to keep free."""
    for x, y in s.spots(count, low, high, left, right):
        scale, distance = s.place(y)
        if avoid is not None:
            middle, half = avoid(y)
            if abs(x - middle) < half * 1.1 + 0.01:
                continue
        size = height * scale * s.between(0.7, 1.3)
        kinds[s.rng.integers(len(kinds))](s, x, y, max(size, 0.02), distance)
