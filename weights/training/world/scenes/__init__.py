"""Compositions: one function a scene class, each drawing over a finished sky."""

from dataclasses import dataclass
from typing import Callable

from . import country, shore, town


@dataclass(frozen=True)
class Kind:
    compose: Callable
    horizon: tuple  # range of the horizon's height
    light: tuple = (5, 2, 2, 0.8, 1)  # odds of day, golden, overcast, fog, night
    winter: float = 0.0  # odds of snow on the ground


KINDS = {
    "beach": Kind(shore.beach, (0.25, 0.5), (5, 3, 2, 0.4, 0.8)),
    "desert": Kind(country.desert, (0.3, 0.6), (5, 3, 1, 0.4, 1)),
    "farm": Kind(country.farm, (0.3, 0.55), winter=0.15),
    "forest": Kind(country.forest, (0.35, 0.6), winter=0.2),
    "harbour": Kind(shore.harbour, (0.3, 0.5), (5, 2, 2, 0.8, 1.2)),
    "highway": Kind(town.highway, (0.3, 0.55), (5, 2, 2, 0.8, 1.6), winter=0.15),
    "island": Kind(shore.island, (0.3, 0.6), (5, 3, 1.5, 0.5, 1)),
    "meadow": Kind(country.meadow, (0.28, 0.6), winter=0.12),
    "mountain lake": Kind(shore.mountain_lake, (0.4, 0.6), winter=0.15),
    "mountains": Kind(country.mountains, (0.55, 0.8), winter=0.3),
    "night city": Kind(town.night_city, (0.55, 0.8), (0, 0.4, 0, 0, 5), winter=0.1),
    "open sea": Kind(shore.open_sea, (0.3, 0.65), (5, 3, 2, 0.8, 1.2)),
    "park": Kind(country.park, (0.3, 0.5), (5, 2, 2, 0.6, 1), winter=0.15),
    "river": Kind(shore.river, (0.3, 0.5), winter=0.15),
    "street": Kind(town.street, (0.4, 0.6), (5, 2, 2, 0.6, 1.6), winter=0.12),
    "village": Kind(country.village, (0.35, 0.6), winter=0.25),
}
