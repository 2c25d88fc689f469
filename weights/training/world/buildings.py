"""Houses, barns, towers and what people build beside them. (x, y) is the middle of the foot."""

import numpy as np

from .light import mix, rgb

WALLS = [(226, 214, 192), (206, 178, 148), (190, 108, 86), (232, 228, 220), (176, 190, 200),
         (222, 196, 130), (164, 132, 110), (196, 206, 186)]
ROOFS = [(150, 74, 60), (110, 84, 76), (92, 96, 106), (172, 98, 70), (86, 72, 70)]


def window_glow(s, odds=0.55):
    """Colour of a window and whether it shines."""
    if s.light.dark and s.chance(odds):
        return s.pick([(255, 214, 130), (255, 236, 184), (250, 190, 100)]), True
    return s.pick([(84, 108, 128), (60, 76, 96), (120, 146, 164)]), False


def windows(s, x0, y0, x1, y1, columns, rows, label, distance, odds=0.55, fill=0.55):
    w, h = (x1 - x0) / columns, (y1 - y0) / rows
    for r in range(rows):
        for c in range(columns):
            color, lit = window_glow(s, odds)
            left, top = x0 + w * (c + (1 - fill) / 2), y0 + h * (r + (1 - fill) / 2)
            s.rect(left, top, left + w * fill, top + h * fill, color, label, distance, lit)


def house(s, x, y, h, distance=0.0, wall=None):
    """A house with a gabled roof, seen from the front or with its long side."""
    wall = s.pick(WALLS) if wall is None else wall
    roof = rgb(236, 240, 246) if s.winter and s.chance(0.8) else s.pick(ROOFS)
    w, body = h * s.between(0.38, 0.62), h * s.between(0.5, 0.64)
    top, ridge = y - body, y - h
    side = s.light.side
    if s.chance(0.5):  # long side beside the gable
        depth = w * s.between(0.7, 1.3) * s.rng.choice([-1, 1])
        a, b = (x - w, x + w)
        far = b + depth if depth > 0 else a + depth
        near = b if depth > 0 else a
        tone = 0.8 if depth * side < 0 else 1.08
        s.rect(min(near, far), top, max(near, far), y, wall * tone, "house", distance)
        if h > 0.06:
            lo, hi = min(near, far), max(near, far)
            windows(s, lo, top + body * 0.15, hi, y - body * 0.25, 2, 1, "house", distance)
        s.polygon([(near, top), (x, ridge), (x + depth, ridge), (far, top)], roof * tone * 0.95,
                  "house", distance)
    if s.chance(0.6):
        cx = x + w * s.between(-0.5, 0.5)
        s.rect(cx - w * 0.1, ridge - h * 0.04, cx + w * 0.1, y - body * 0.9, wall * 0.7, "house",
               distance)
    s.rect(x - w, top, x + w, y, wall, "house", distance)
    s.polygon([(x - w, top), (x + w, top), (x, ridge)], wall * 0.94, "house", distance)
    over = w * 0.16
    for sign in (-1, 1):
        s.polygon([(x, ridge - h * 0.03), (x + sign * (w + over), top + h * 0.03),
                   (x + sign * (w + over), top - h * 0.03), (x, ridge - h * 0.09)], roof, "house",
                  distance)
    if h > 0.05:
        windows(s, x - w * 0.85, top + body * 0.12, x + w * 0.85, top + body * 0.55, 2, 1, "house",
                distance)
        s.rect(x - w * 0.16, y - body * 0.42, x + w * 0.16, y, s.pick([(110, 70, 50), (60, 90, 110),
               (140, 60, 54)]), "house", distance)


def church(s, x, y, h, distance=0.0):
    wall, roof = s.pick([(232, 226, 214), (206, 196, 180), (190, 176, 160)]), s.pick(ROOFS)
    w = h * 0.12
    s.rect(x, y - h * 0.3, x + w * 4, y, wall * 0.95, "house", distance)
    s.polygon([(x, y - h * 0.3), (x + w * 4.2, y - h * 0.3), (x + w * 3.8, y - h * 0.46),
               (x, y - h * 0.46)], roof, "house", distance)
    windows(s, x + w, y - h * 0.26, x + w * 4, y - h * 0.06, 3, 1, "house", distance)
    s.rect(x - w, y - h * 0.62, x + w, y, wall, "house", distance)
    s.polygon([(x - w * 1.1, y - h * 0.62), (x + w * 1.1, y - h * 0.62), (x, y - h)], roof * 0.9,
              "house", distance)
    windows(s, x - w * 0.8, y - h * 0.6, x + w * 0.8, y - h * 0.45, 1, 1, "house", distance)


def barn(s, x, y, h, distance=0.0):
    wall = s.pick([(168, 60, 50), (150, 72, 56), (140, 120, 100), (120, 50, 46)])
    roof = rgb(236, 240, 246) if s.winter else s.pick([(96, 92, 92), (120, 104, 96), (80, 60, 56)])
    w = h * s.between(0.62, 0.85)
    if s.chance(0.6):  # silo
        sx, sw = x + w * 1.35 * s.rng.choice([-1, 1]), h * 0.16
        s.rect(sx - sw, y - h * 1.15, sx + sw, y, (186, 190, 194), "house", distance)
        s.rect(sx - sw, y - h * 1.15, sx - sw * 0.3, y, (160, 164, 170), "house", distance)
        s.ellipse(sx, y - h * 1.15, sw, sw * 0.8, (150, 154, 160), "house", distance)
    s.polygon([(x - w, y), (x - w, y - h * 0.55), (x - w * 0.6, y - h * 0.88), (x, y - h),
               (x + w * 0.6, y - h * 0.88), (x + w, y - h * 0.55), (x + w, y)], wall, "house",
              distance)
    s.line([(x - w * 1.08, y - h * 0.5), (x - w * 0.62, y - h * 0.9), (x, y - h * 1.03),
            (x + w * 0.62, y - h * 0.9), (x + w * 1.08, y - h * 0.5)], h * 0.07, roof, "house",
           distance)
    d, white = w * 0.38, rgb(236, 232, 224)
    s.rect(x - d, y - h * 0.46, x + d, y, wall * 0.75, "house", distance)
    for a, b in (((x - d, y), (x + d, y - h * 0.46)), ((x - d, y - h * 0.46), (x + d, y))):
        s.line([a, b], h * 0.035, white, "house", distance)
    s.rect(x - d * 0.4, y - h * 0.8, x + d * 0.4, y - h * 0.64, wall * 0.5, "house", distance)


def row_house(s, x0, x1, y, h, distance=0.0):
    """A house front in a closed row, between x0 and x1."""
    wall, body = s.pick(WALLS), h * s.between(0.78, 0.9)
    s.rect(x0, y - body, x1, y, wall, "house", distance)
    roof = s.pick(ROOFS)
    s.polygon([(x0, y - body), (x1, y - body), (x1 - (x1 - x0) * 0.1, y - h),
               (x0 + (x1 - x0) * 0.1, y - h)], roof, "house", distance)
    floors = s.rng.integers(2, 5)
    if x1 - x0 > 0.02:
        columns = max(1, int((x1 - x0) / h * 5))
        windows(s, x0, y - body * 0.96, x1, y - body / (floors + 1), columns, floors, "house",
                distance)
        s.rect(x0 + (x1 - x0) * 0.1, y - body * 0.2, x1 - (x1 - x0) * 0.1, y,
               s.pick([(90, 60, 50), (50, 70, 90), (150, 140, 120)]), "house", distance)


def tower(s, x, y, w, h, distance=0.0, odds=0.5):
    """An office tower or a block of flats."""
    wall = s.pick([(116, 124, 138), (96, 104, 120), (150, 146, 140), (84, 96, 118), (132, 110, 100)])
    s.rect(x - w, y - h, x + w, y, wall, "tower", distance)
    s.rect(x + (w * 0.45 if s.light.side < 0 else -w), y - h, x + (w if s.light.side < 0 else -w * 0.45),
           y, wall * 0.84, "tower", distance)
    columns, rows = max(2, int(w / 0.012)), max(3, int(h / 0.034))
    windows(s, x - w * 0.92, y - h * 0.97, x + w * 0.92, y - h * 0.03, min(columns, 8),
            min(rows, 18), "tower", distance, odds, fill=s.between(0.45, 0.7))
    if s.chance(0.3):
        s.line([(x, y - h), (x, y - h - s.between(0.02, 0.09))], 0.004, wall, "tower", distance)
        if s.light.dark:
            s.ellipse(x, y - h - 0.02, 0.004, 0.004, (255, 70, 60), lit=True)


def lighthouse(s, x, y, h, distance=0.0):
    stripe = s.pick([(196, 60, 54), (60, 80, 120), (40, 40, 44)])
    w = h * 0.11
    for i in range(5):
        a, b = i / 5 * 0.8, (i + 1) / 5 * 0.8
        wa, wb = w * (1 - a * 0.45), w * (1 - b * 0.45)
        s.polygon([(x - wa, y - h * a), (x + wa, y - h * a), (x + wb, y - h * b),
                   (x - wb, y - h * b)], stripe if i % 2 else rgb(238, 236, 230), "tower", distance)
    s.rect(x - w * 0.5, y - h * 0.9, x + w * 0.5, y - h * 0.8, (255, 236, 160), "tower", distance,
           lit=s.light.dark)
    s.polygon([(x - w * 0.65, y - h * 0.9), (x + w * 0.65, y - h * 0.9), (x, y - h)], stripe,
              "tower", distance)


def lamp(s, x, y, h, distance=0.0):
    s.line([(x, y), (x, y - h)], h * 0.03, (70, 72, 78), "lamp", distance)
    reach = h * 0.16 * s.rng.choice([-1, 1])
    s.line([(x, y - h), (x + reach, y - h)], h * 0.025, (70, 72, 78), "lamp", distance)
    s.ellipse(x + reach, y - h * 0.985, h * 0.05, h * 0.03,
              (255, 232, 170) if s.light.dark else (226, 226, 220), "lamp", distance,
              lit=s.light.dark)
    if s.light.dark:
        away = np.hypot(s.xs - x - reach, s.ys - y + h)
        s.blend((255, 214, 140), 0.45 * np.exp(-away / (h * 0.22)))


def fence(s, points, h, distance=0.0):
    """Posts and two rails along `points`."""
    color = s.pick([(150, 122, 92), (226, 222, 214), (110, 90, 72)])
    for rail in (0.45, 0.85):
        s.line([(x, y - h * rail) for x, y in points], h * 0.14, color, "fence", distance)
    for x, y in points:
        s.rect(x - h * 0.08, y - h, x + h * 0.08, y, mix(color, rgb(80, 70, 60), 0.2), "fence",
               distance)


def bridge(s, y, thickness, x0=0.0, x1=1.0, distance=0.3):
    """A stone or steel bridge across the picture, standing in the water at y."""
    color = s.pick([(150, 140, 128), (126, 122, 120), (140, 84, 66)])
    arches, top = s.rng.integers(2, 5), y - thickness
    s.rect(x0, top, x1, top + thickness * 0.35, color, "bridge", distance)
    s.rect(x0, top - thickness * 0.12, x1, top, color * 0.8, "bridge", distance)
    span = (x1 - x0) / arches
    for i in range(arches + 1):
        px = x0 + span * i
        s.rect(px - span * 0.08, top, px + span * 0.08, y, color * 0.92, "bridge", distance)
        for sign in (-1, 1):
            s.polygon([(px + sign * span * 0.07, top + thickness * 0.3),
                       (px + sign * span * 0.34, top + thickness * 0.3),
                       (px + sign * span * 0.07, y - thickness * 0.2)], color * 0.92, "bridge",
                      distance)
