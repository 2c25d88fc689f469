"""A seeded world of small illustrated scenes with pixel-accurate labels.

`world.draw(seed, size)` draws one picture. The class names and labels are in `world.names`.
"""

from .draw import Picture, draw, seeds

__all__ = ["Picture", "draw", "seeds"]
