"""People and animals. (x, y) is the middle of the feet, `h` the height."""

import numpy as np

from .light import rgb

SKIN = [(236, 196, 164), (200, 150, 116), (140, 96, 70), (96, 66, 50)]
CLOTH = [(200, 60, 56), (60, 100, 170), (240, 200, 80), (70, 140, 90), (236, 232, 226),
         (120, 70, 130), (50, 54, 66), (230, 130, 60)]


def person(s, x, y, h, distance=0.0, bare=False):
    skin, shirt, legs = s.pick(SKIN), s.pick(CLOTH), s.pick(CLOTH) * 0.8
    if bare:
        legs = skin
        shirt = skin if s.chance(0.4) else shirt
    stride = h * s.between(0.02, 0.1)
    hip, neck = y - h * 0.47, y - h * 0.82
    for side in (-1, 1):
        s.line([(x, hip), (x + side * stride, y)], h * 0.085, legs, "person", distance)
    if bare:
        s.rect(x - h * 0.085, hip - h * 0.06, x + h * 0.085, hip + h * 0.06, s.pick(CLOTH),
               "person", distance)
    swing = h * s.between(0.04, 0.16)
    for side in (-1, 1):
        raised = s.chance(0.12)
        hand_y = neck - h * 0.16 if raised else hip + h * 0.02
        s.line([(x + side * h * 0.09, neck + h * 0.03), (x + side * (h * 0.09 + swing), hand_y)],
               h * 0.055, skin if bare else shirt * 0.9, "person", distance)
    s.polygon([(x - h * 0.12, neck), (x + h * 0.12, neck), (x + h * 0.09, hip), (x - h * 0.09, hip)],
              shirt, "person", distance)
    s.ellipse(x, y - h * 0.91, h * 0.075, h * 0.09, skin, "person", distance)
    s.ellipse(x, y - h * 0.95, h * 0.08, h * 0.06, s.pick([(60, 44, 34), (30, 26, 24),
              (190, 150, 80), (120, 70, 40)]), "person", distance)


def _four_legs(s, x, y, h, color, distance, length, leg, body, flip):
    top = y - h * leg
    for dx in (-0.42, -0.3, 0.3, 0.42):
        px = x + dx * length
        shift = s.rng.normal(0, h * 0.03)
        s.line([(px, top - h * body * 0.3), (px + shift, y)], h * 0.08, color * 0.85, "animal",
               distance)
    s.ellipse(x, top - h * body * 0.4, length * 0.56, h * body * 0.62, color, "animal", distance)
    return x + flip * length * 0.5, top - h * body * 0.5


def cow(s, x, y, h, distance=0.0):
    color = s.pick([(240, 236, 230), (130, 84, 60), (60, 50, 46), (196, 150, 110)])
    flip = s.rng.choice([-1, 1])
    nx, ny = _four_legs(s, x, y, h, color, distance, h * 1.2, 0.42, 0.6, flip)
    spot = s.pick([(50, 44, 42), (110, 70, 52)])
    for _ in range(3):
        s.ellipse(x + h * s.between(-0.4, 0.4), ny + h * s.between(-0.1, 0.18), h * 0.13, h * 0.1,
                  spot, "animal", distance)
    drop = h * s.rng.choice([0.0, 0.35])
    s.line([(nx, ny), (nx + flip * h * 0.25, ny - h * 0.08 + drop)], h * 0.22, color, "animal",
           distance)
    s.ellipse(nx + flip * h * 0.32, ny - h * 0.08 + drop, h * 0.16, h * 0.12, color, "animal",
              distance)
    s.ellipse(nx + flip * h * 0.44, ny - h * 0.05 + drop, h * 0.07, h * 0.08, (226, 170, 160),
              "animal", distance)


def sheep(s, x, y, h, distance=0.0):
    wool, face = s.pick([(238, 234, 224), (222, 216, 204)], 5), s.pick([(50, 46, 46), (200, 180, 160)])
    flip = s.rng.choice([-1, 1])
    for dx in (-0.3, 0.3):
        s.line([(x + dx * h, y - h * 0.4), (x + dx * h, y)], h * 0.09, face, "animal", distance)
    for dx, dy, r in ((-0.3, 0.6, 0.3), (0.3, 0.6, 0.3), (0, 0.72, 0.32), (0, 0.52, 0.34)):
        s.ellipse(x + dx * h, y - dy * h, r * h, r * h * 0.85, wool * s.between(0.94, 1.0),
                  "animal", distance)
    s.ellipse(x + flip * h * 0.58, y - h * 0.66, h * 0.15, h * 0.19, face, "animal", distance)


def horse(s, x, y, h, distance=0.0, color=None, hump=False):
    color = s.pick([(120, 76, 50), (70, 52, 44), (180, 140, 100), (226, 220, 210)]) \
        if color is None else color
    flip = s.rng.choice([-1, 1])
    nx, ny = _four_legs(s, x, y, h, color, distance, h * 0.8, 0.5, 0.36, flip)
    head = (nx + flip * h * 0.22, ny - h * 0.34)
    s.line([(nx - flip * h * 0.05, ny), head], h * 0.14, color, "animal", distance)
    s.line([head, (head[0] + flip * h * 0.17, head[1] + h * 0.1)], h * 0.11, color, "animal",
           distance)
    if hump:
        for dx in ((0.0,) if s.chance(0.6) else (-0.16, 0.16)):
            s.ellipse(x + dx * h, ny - h * 0.16, h * 0.15, h * 0.2, color, "animal", distance)
    else:
        s.line([(nx - flip * h * 0.1, ny - h * 0.08), (head[0] - flip * h * 0.05, head[1])],
               h * 0.06, color * 0.55, "animal", distance)
    tail = x - flip * h * 0.42
    s.line([(tail, ny), (tail - flip * h * 0.09, ny + h * 0.3)], h * 0.05, color * 0.6, "animal",
           distance)


def camel(s, x, y, h, distance=0.0):
    horse(s, x, y, h, distance, s.pick([(198, 156, 104), (180, 136, 88)]), hump=True)


def deer(s, x, y, h, distance=0.0):
    horse(s, x, y, h * 0.8, distance, s.pick([(160, 110, 70), (138, 96, 64)]))


def dog(s, x, y, h, distance=0.0):
    color, flip = s.pick([(150, 104, 66), (60, 52, 48), (226, 214, 190)]), s.rng.choice([-1, 1])
    nx, ny = _four_legs(s, x, y, h, color, distance, h * 1.0, 0.45, 0.4, flip)
    s.ellipse(nx + flip * h * 0.12, ny - h * 0.16, h * 0.2, h * 0.16, color, "animal", distance)
    s.line([(x - flip * h * 0.5, ny), (x - flip * h * 0.72, ny - h * 0.25)], h * 0.09, color,
           "animal", distance)


def birds(s, count, low, high):
    """Birds in flight, as two strokes."""
    cx, cy = s.rng.random(), s.between(low, high)
    for _ in range(count):
        x, y = cx + s.rng.normal(0, 0.09), np.clip(cy + s.rng.normal(0, 0.04), low, high)
        w, lift = s.between(0.008, 0.022), s.between(0.2, 0.7)
        color = rgb(60, 62, 70) if s.chance(0.6) else rgb(235, 236, 238)
        s.line([(x - w, y - w * lift), (x, y), (x + w, y - w * lift)], 0.004, color, "animal", 0.2)


def scatter(s, kind, count, low, high, height, left=0.0, right=1.0, **options):
    """Things of one kind on the ground, from far to near."""
    for x, y in s.spots(count, low, high, left, right):
        scale, distance = s.place(y)
        kind(s, x, y, max(0.012, height * scale * s.between(0.85, 1.15)), distance, **options)
