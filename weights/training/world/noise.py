"""Seeded noise: the one source of texture, ridges and clouds."""

import numpy as np


def tile(rng, size=256, slope=1.6):
    """A periodic size x size field with spectrum 1/f^slope, mean 0 and standard deviation 1.

    Periodic, so that it can be looked up at any coordinate without a seam.
    """
    frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**slope
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, (size, size)).astype(np.float32)
    return field / field.std()


def lookup(field, u, v):
    """field at real coordinates (u columns, v rows, in texels), wrapped, nearest texel."""
    n = field.shape[0]
    return field[v.astype(np.int32) % n, u.astype(np.int32) % n]


def ridge(rng, count, octaves=6, roughness=0.5, sharp=False, base=3):
    """A line of `count` heights in 0..1: smooth hills, or peaks where `sharp`."""
    x = np.linspace(0, 1, count)
    heights = np.zeros(count)
    amplitude = 1.0
    for octave in range(octaves):
        knots = base * 2**octave + 1
        values = rng.random(knots)
        position = np.linspace(0, 1, knots)
        if not sharp:  # ease between knots
            scaled = x * (knots - 1)
            whole = np.minimum(scaled.astype(int), knots - 2)
            t = scaled - whole
            t = t * t * (3 - 2 * t)
            heights += amplitude * (values[whole] * (1 - t) + values[whole + 1] * t)
        else:
            heights += amplitude * np.interp(x, position, values)
        amplitude *= roughness
    heights -= heights.min()
    return (heights / max(heights.max(), 1e-6)).astype(np.float32)
