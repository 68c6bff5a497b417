"""Printed things: fields of colour, words in several faces and sizes, small print, logos, barcodes."""

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from estimators.foundationpose.training.objects.patterns import any_pattern, plain, random_color
from schemas.arrays import Array

_LETTERS = np.array(list("AABCDEEEFGHIIJKLMNOOPQRSTTUVWXYZ"))
_SMALL = np.array(list("aabcdeeefghiijklmnoopqrsttuvwxyz"))
_FACES = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip


def label(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """(H, W, 3) uint8: what is printed on a package.

    Args:
        size: Height and width, at least 32 each.
        rng: Of the design.
    """
    out = (any_pattern if rng.random() < 0.35 else plain)(size, rng).copy()
    ink = [random_color(rng) for _ in range(3)]
    for _ in range(int(rng.integers(1, 5))):
        _field(out, ink[int(rng.integers(3))], rng)
    for _ in range(int(rng.integers(1, 4))):
        _logo(out, ink[int(rng.integers(3))], rng)
    for _ in range(int(rng.integers(1, 6))):
        _words(out, ink[int(rng.integers(3))], rng)
    if rng.random() < 0.7:
        _small_print(out, rng)
    if rng.random() < 0.4:
        _barcode(out, rng)
    return out


def _field(out: Array, color: Array, rng: np.random.Generator) -> None:
    (left, top), (right, bottom) = _box(out, rng, 0.2, 0.9)
    if rng.random() < 0.25:
        middle, axes = ((left + right) // 2, (top + bottom) // 2), ((right - left) // 2, (bottom - top) // 2)
        cv2.ellipse(out, middle, axes, 0, 0, 360, color.tolist(), -1, cv2.LINE_AA)
    else:
        cv2.rectangle(out, (left, top), (right, bottom), color.tolist(), -1 if rng.random() < 0.8 else 3)


def _logo(out: Array, color: Array, rng: np.random.Generator) -> None:
    """A round badge or a many-cornered sign, with something inside."""
    (left, top), (right, bottom) = _box(out, rng, 0.15, 0.5)
    middle, reach = np.array([left + right, top + bottom]) / 2, min(right - left, bottom - top) / 2
    corners = int(rng.integers(3, 11))
    angle = np.arange(2 * corners) * np.pi / corners + rng.uniform(0, np.pi)
    radii = np.where(np.arange(2 * corners) % 2, rng.uniform(0.4, 1.0), 1.0) * reach
    points = middle + radii[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    cv2.fillPoly(out, [points.astype(np.int32)], color.tolist(), cv2.LINE_AA)
    place = (int(middle[0]), int(middle[1]))
    cv2.circle(out, place, max(1, int(reach * rng.uniform(0.2, 0.6))), random_color(rng).tolist(), -1, cv2.LINE_AA)


def _words(out: Array, color: Array, rng: np.random.Generator) -> None:
    text = _word(rng)
    height, width = out.shape[:2]
    if rng.random() < 0.4:
        _outlined(out, text, color, rng)
        return
    face, thick = int(rng.choice(_FACES)), int(rng.integers(1, 4))
    (wide, _), _ = cv2.getTextSize(text, face, 1.0, thick)
    scale = rng.uniform(0.25, 0.9) * width / wide
    place = (int(rng.uniform(-0.05, 0.5) * width), int(rng.uniform(0.1, 1.0) * height))
    cv2.putText(out, text, place, face, scale, color.tolist(), max(1, int(thick * scale)), cv2.LINE_AA)


def _outlined(out: Array, text: str, color: Array, rng: np.random.Generator) -> None:
    """A word in Pillow's own face, filled."""
    height, width = out.shape[:2]
    size = max(8, int(rng.uniform(0.3, 1.4) * width / len(text)))
    place = (rng.uniform(-0.05, 0.5) * width, rng.uniform(-0.05, 0.85) * height)
    picture = Image.fromarray(out)
    ink = tuple(int(value) for value in color)
    ImageDraw.Draw(picture).text(place, text, fill=ink, font=_font(min(size, 160)))
    out[:] = np.asarray(picture)


@lru_cache(64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _small_print(out: Array, rng: np.random.Generator) -> None:
    (left, top), (right, bottom) = _box(out, rng, 0.3, 0.6)
    if rng.random() < 0.6:
        cv2.rectangle(out, (left, top), (right, bottom), (240, 240, 235), -1)
    color, step = (rng.uniform(0, 90, 3)).tolist(), int(rng.integers(6, 11))
    for row in range(top + step, bottom, step):
        line = " ".join(_word(rng) for _ in range(6))
        cv2.putText(out, line, (left + 2, row), cv2.FONT_HERSHEY_SIMPLEX, step / 34, color, 1, cv2.LINE_AA)


def _barcode(out: Array, rng: np.random.Generator) -> None:
    (left, top), (right, bottom) = _box(out, rng, 0.15, 0.4)
    bars = np.repeat(rng.random(max(4, (right - left) // 2)) < 0.5, 2)[: right - left]
    out[top:bottom, left : left + len(bars)] = np.where(bars, 20, 245).astype(np.uint8)[None, :, None]


def _word(rng: np.random.Generator) -> str:
    count = int(rng.integers(2, 9))
    letters = rng.choice(_LETTERS if rng.random() < 0.5 else _SMALL, count)
    if rng.random() < 0.2:
        letters = rng.integers(0, 10, count).astype(str)
    return "".join(letters)


def _box(out: Array, rng: np.random.Generator, least: float, most: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Left top and right bottom of a random box whose sides are those shares of the picture's."""
    height, width = out.shape[:2]
    wide, high = max(8, int(rng.uniform(least, most) * width)), max(8, int(rng.uniform(least, most) * height))
    left, top = int(rng.integers(0, max(1, width - wide))), int(rng.integers(0, max(1, height - high)))
    return (left, top), (min(width - 1, left + wide), min(height - 1, top + high))
