"""Colours as readers see them: contrast, and the differences that a colour-blind reader sees."""

import itertools

import numpy as np

PAPERS = {"light": "#fdfdfc", "dark": "#15181c"}
"""The page, in light and dark."""

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
SIGHT = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175],
     [0.0193339, 0.119192, 0.9503041]]
)  # fmt: skip
WHITE = np.array([0.95047, 1.0, 1.08883])


def rgb(colour):
    """Red, green and blue, 0 to 1, of "#rrggbb", "rgb(…)" or "27, 158, 119"."""
    if colour.startswith("#"):
        return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.array([float(number) for number in colour.strip("rgba()").split(",")][:3]) / 255


def linear(colour):
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def contrast(first, second):
    """WCAG's ratio of two colours' luminance, 1 to 21."""
    low, high = sorted(float(linear(colour) @ XYZ[1]) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def lab(colour, sight):
    seen = XYZ @ np.clip(SIGHT[sight] @ linear(rgb(colour)), 0, 1) / WHITE
    root = np.where(seen > 0.008856, np.cbrt(seen), 7.787 * seen + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def least(colours, sight):
    """The smallest difference (CIE 1976) between two of the colours; 2.3 is just noticeable."""
    seen = [lab(colour, sight) for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
