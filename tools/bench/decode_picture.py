"""Draws a picture of 12 megapixels with about as much detail as a photo, and writes it as JPEG: decode_picture.py FILE [progressive]."""

import sys

from PIL import Image, ImageChops

SIZE = (4000, 3000)


def noise(cell, contrast):
    """Noise of three channels whose cells have so many pixels."""
    small = (SIZE[0] // cell + 1, SIZE[1] // cell + 1)
    each = [Image.effect_noise(small, contrast) for _ in range(4)]
    colours = [Image.blend(each[0], channel, 0.25) for channel in each[1:]]
    return Image.merge("RGB", colours).resize(SIZE, Image.BICUBIC)


picture = Image.new("RGB", SIZE, (128, 128, 128))
for cell, contrast in ((400, 70), (100, 45), (25, 30), (8, 20), (3, 14), (1, 7)):
    picture = ImageChops.add(picture, noise(cell, contrast), 1, -128)
picture.save(sys.argv[1], quality=85, progressive=len(sys.argv) > 2)
