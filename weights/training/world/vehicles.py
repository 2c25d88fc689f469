"""Cars and boats. (x, y) is the middle of the wheels or of the waterline, `w` the length."""

import numpy as np

from .buildings import windows
from .light import rgb

PAINTS = [(190, 50, 46), (46, 84, 150), (230, 230, 226), (60, 62, 68), (226, 180, 60),
          (90, 140, 110), (160, 164, 170), (120, 70, 110)]


def car_side(s, x, y, w, distance=0.0):
    paint, flip = s.pick(PAINTS), s.rng.choice([-1, 1])
    h, r = w * s.between(0.3, 0.36), w * 0.095
    van = s.chance(0.22)

    def shape(points, color):
        s.polygon([(x + flip * px * w, y - py * h) for px, py in points], color, "car", distance)

    s.ellipse(x, y, w * 0.5, h * 0.08, (40, 40, 42), None, distance)
    if van:
        shape([(-0.5, 0.2), (-0.5, 1.2), (0.28, 1.2), (0.42, 0.75), (0.5, 0.65), (0.5, 0.2)], paint)
        shape([(0.12, 0.75), (0.12, 1.1), (0.25, 1.1), (0.37, 0.75)], (96, 118, 134))
        if s.chance(0.5):
            shape([(-0.44, 0.75), (-0.44, 1.1), (0.04, 1.1), (0.04, 0.75)], (96, 118, 134))
    else:
        shape([(-0.28, 0.55), (-0.18, 1.0), (0.16, 1.0), (0.3, 0.55)], paint * 0.92)
        shape([(-0.23, 0.58), (-0.15, 0.92), (-0.02, 0.92), (-0.02, 0.58)], (96, 118, 134))
        shape([(0.02, 0.58), (0.02, 0.92), (0.13, 0.92), (0.24, 0.58)], (96, 118, 134))
        shape([(-0.5, 0.2), (-0.5, 0.5), (-0.44, 0.6), (0.34, 0.6), (0.5, 0.46), (0.5, 0.2)], paint)
    for wheel in (-0.3, 0.3):
        s.ellipse(x + wheel * w, y - r, r, r, (34, 34, 38), "car", distance)
        s.ellipse(x + wheel * w, y - r, r * 0.5, r * 0.5, (150, 152, 156), "car", distance)
    if s.light.dark:
        s.ellipse(x + flip * w * 0.49, y - h * 0.42, w * 0.035, w * 0.03, (255, 244, 200), "car",
                  lit=True)


def car_end(s, x, y, w, distance=0.0, rear=True):
    """A car seen from behind or from the front."""
    paint, h = s.pick(PAINTS), w * s.between(0.72, 0.86)
    truck = s.chance(0.2)
    for side in (-1, 1):
        s.rect(x + side * w * 0.38 - w * 0.08, y - h * 0.22, x + side * w * 0.38 + w * 0.08, y,
               (30, 30, 34), "car", distance)
    if truck:
        h *= 1.5
        s.rect(x - w * 0.52, y - h, x + w * 0.52, y - h * 0.12, s.pick(PAINTS), "car", distance)
        s.rect(x - w * 0.45, y - h * 0.94, x + w * 0.45, y - h * 0.3, s.pick([(200, 200, 196),
               (150, 156, 164)]), "car", distance)
    else:
        s.polygon([(x - w * 0.36, y - h), (x + w * 0.36, y - h), (x + w * 0.44, y - h * 0.55),
                   (x - w * 0.44, y - h * 0.55)], paint * 0.9, "car", distance)
        s.polygon([(x - w * 0.31, y - h * 0.93), (x + w * 0.31, y - h * 0.93),
                   (x + w * 0.38, y - h * 0.6), (x - w * 0.38, y - h * 0.6)], (80, 98, 114), "car",
                  distance)
        s.rect(x - w * 0.5, y - h * 0.58, x + w * 0.5, y - h * 0.13, paint, "car", distance)
    light = (220, 40, 36) if rear else (255, 246, 210)
    for side in (-1, 1):
        s.ellipse(x + side * w * 0.4, y - h * 0.4, w * 0.07, w * 0.05, light, "car", distance,
                  lit=s.light.dark)
    s.rect(x - w * 0.14, y - h * 0.3, x + w * 0.14, y - h * 0.18, (236, 234, 220), "car", distance)


def tractor(s, x, y, w, distance=0.0):
    paint, flip = s.pick([(60, 130, 60), (190, 50, 40), (50, 90, 150)]), s.rng.choice([-1, 1])
    s.rect(*sorted((x, x + flip * w * 0.45))[:1], y - w * 0.42,
           sorted((x, x + flip * w * 0.45))[1], y - w * 0.18, paint, "car", distance)
    cab = x - flip * w * 0.16
    s.rect(cab - w * 0.18, y - w * 0.72, cab + w * 0.18, y - w * 0.3, paint * 0.8, "car", distance)
    s.rect(cab - w * 0.13, y - w * 0.66, cab + w * 0.13, y - w * 0.44, (130, 156, 170), "car",
           distance)
    for dx, r in ((-flip * 0.2, 0.24), (flip * 0.34, 0.14)):
        s.ellipse(x + dx * w, y - r * w, r * w, r * w, (36, 36, 38), "car", distance)
        s.ellipse(x + dx * w, y - r * w, r * w * 0.5, r * w * 0.5, (220, 190, 70), "car", distance)


def _hull(s, x, y, w, h, color, distance, rake=0.12):
    s.polygon([(x - w * 0.5, y - h), (x + w * 0.5, y - h), (x + w * (0.5 - rake), y),
               (x - w * (0.5 - rake), y)], color, "boat", distance)
    s.polygon([(x - w * (0.5 - rake * 0.6), y - h * 0.4), (x + w * (0.5 - rake * 0.6), y - h * 0.4),
               (x + w * (0.5 - rake), y), (x - w * (0.5 - rake), y)], color * 0.72, "boat", distance)


def sailboat(s, x, y, w, distance=0.0, sails=True):
    _hull(s, x, y, w, w * 0.16, s.pick([(236, 234, 226), (70, 90, 130), (150, 60, 54),
                                        (140, 104, 76)]), distance)
    mast, foot = w * s.between(1.0, 1.4), y - w * 0.16
    s.line([(x, foot), (x, foot - mast)], w * 0.025, (120, 100, 84), "boat", distance)
    if sails:
        cloth = s.pick([(244, 240, 230), (226, 90, 70), (240, 210, 130), (120, 160, 200)])
        side = s.rng.choice([-1, 1])
        s.polygon([(x, foot - mast * 0.97), (x + side * w * 0.42, foot - w * 0.07),
                   (x, foot - w * 0.07)], cloth, "boat", distance)
        s.polygon([(x, foot - mast * 0.85), (x - side * w * 0.36, foot - w * 0.05),
                   (x - side * w * 0.03, foot - w * 0.07)], cloth * 0.86, "boat", distance)
    else:
        s.line([(x, foot - w * 0.2), (x + w * 0.4, foot - w * 0.16)], w * 0.03, (230, 226, 216),
               "boat", distance)
        s.rect(x - w * 0.2, foot - w * 0.1, x + w * 0.12, foot, (226, 226, 222), "boat", distance)


def motorboat(s, x, y, w, distance=0.0):
    _hull(s, x, y, w, w * 0.2, s.pick(PAINTS), distance, rake=0.16)
    s.rect(x - w * 0.22, y - w * 0.42, x + w * 0.16, y - w * 0.2, (236, 234, 228), "boat", distance)
    windows(s, x - w * 0.2, y - w * 0.4, x + w * 0.14, y - w * 0.24, 3, 1, "boat", distance)


def ship(s, x, y, w, distance=0.0):
    """A freighter, or a passenger ship."""
    _hull(s, x, y, w, w * 0.14, s.pick([(60, 64, 76), (150, 50, 46), (44, 80, 110), (40, 44, 50)]),
          distance, rake=0.07)
    flip = s.rng.choice([-1, 1])
    deck = y - w * 0.14
    if s.chance(0.5):
        for i in range(s.rng.integers(5, 9)):
            cx = x + flip * w * (0.38 - 0.085 * i)
            for level in range(s.rng.integers(1, 4)):
                s.rect(cx - w * 0.04, deck - w * 0.05 * (level + 1), cx + w * 0.04,
                       deck - w * 0.05 * level, s.pick(PAINTS), "boat", distance)
        cx = x - flip * w * 0.38
        s.rect(cx - w * 0.07, deck - w * 0.22, cx + w * 0.07, deck, (236, 234, 228), "boat", distance)
        windows(s, cx - w * 0.06, deck - w * 0.2, cx + w * 0.06, deck - w * 0.04, 2, 3, "boat",
                distance)
    else:
        for level in range(3):
            half = w * (0.4 - 0.07 * level)
            s.rect(x - half, deck - w * 0.06 * (level + 1), x + half, deck - w * 0.06 * level,
                   rgb(240, 238, 232) * (1 - 0.03 * level), "boat", distance)
            windows(s, x - half, deck - w * 0.06 * (level + 1), x + half, deck - w * 0.06 * level,
                    int(12 - 2 * level), 1, "boat", distance, fill=0.5)
        s.rect(x - w * 0.05, deck - w * 0.28, x + w * 0.05, deck - w * 0.18, s.pick(PAINTS), "boat",
               distance)


def crane(s, x, y, h, distance=0.3):
    """A harbour crane."""
    color = s.pick([(200, 110, 50), (60, 100, 150), (190, 60, 50), (150, 156, 160)])
    for side in (-1, 1):
        s.line([(x + side * h * 0.14, y), (x + side * h * 0.05, y - h * 0.7)], h * 0.035, color,
               "tower", distance)
    reach = h * 0.7 * s.rng.choice([-1, 1])
    s.line([(x - reach * 0.35, y - h * 0.72), (x + reach, y - h * 0.72)], h * 0.05, color, "tower",
           distance)
    s.line([(x, y - h * 0.72), (x, y - h)], h * 0.03, color, "tower", distance)
    for end in (-reach * 0.35, reach * 0.9):
        s.line([(x, y - h), (x + end, y - h * 0.72)], h * 0.012, color, "tower", distance)
    s.line([(x + reach * 0.8, y - h * 0.72), (x + reach * 0.8, y - h * 0.4)], h * 0.012,
           (60, 60, 64), "tower", distance)


def wake(s, x, y, w):
    """Light ripples where a boat meets the water."""
    for _ in range(4):
        dx, dy = s.rng.normal(0, w * 0.3), abs(s.rng.normal(0, w * 0.04))
        half = w * s.between(0.1, 0.3)
        s.line([(x + dx - half, y + dy), (x + dx + half, y + dy)], max(0.002, w * 0.015),
               np.minimum(s.light.sky_low * 1.05, 255), None, 0, lit=True)
