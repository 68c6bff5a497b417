"""Geometry of triangle surfaces: normals, diameter, closedness."""

import numpy as np

from schemas.arrays import Array

_MAX_CORNER_PAIRS = 20_000_000
_DIAMETER_DIRECTIONS = 1000


def face_normals(points: Array, triangles: Array) -> Array:
    """(F, 3) normals of faces, their length twice the face's area."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def is_closed(positions: Array) -> bool:
    """Whether every edge is used as often in one direction as in the other: no hole, one winding.

    Args:
        positions: (F, 3) indices in which equal places have equal numbers.
    """
    edges = np.concatenate([positions[:, [0, 1]], positions[:, [1, 2]], positions[:, [2, 0]]]).astype(np.int64)
    base = int(edges.max()) + 1
    forward = np.sort(edges[:, 0] * base + edges[:, 1])
    backward = np.sort(edges[:, 1] * base + edges[:, 0])
    return bool((forward == backward).all())


def signed_volume(points: Array, triangles: Array) -> float:
    """Volume inside a closed surface, below 0 where its faces look inwards (divergence theorem)."""
    centred = points - points.mean(axis=0)
    a, b, c = (centred[triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def diameter_of(points: Array) -> float:
    """Largest distance between two points, looked for among the outermost along 1000 directions.

    A lower bound; for directions 3.6 degrees apart it is short by at most 0.05 %.
    """
    k = np.arange(_DIAMETER_DIRECTIONS) + 0.5
    polar = np.arccos(1 - 2 * k / _DIAMETER_DIRECTIONS)
    around = np.pi * (1 + 5**0.5) * k
    directions = np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)])
    outermost: set[int] = set()
    for start in range(0, _DIAMETER_DIRECTIONS, 50):
        outermost.update(np.argmax(points @ directions[:, start : start + 50], axis=0).tolist())
    hull = points[sorted(outermost)]
    return float(np.sqrt(((hull[:, None] - hull[None]) ** 2).sum(-1).max()))


def texel_size(points: Array, triangles: Array, uv: Array, texture_hw: tuple[int, int]) -> float:
    """Edge of one texel on the surface in the points' unit, on average over the area."""
    area = np.linalg.norm(face_normals(points.astype(np.float64), triangles), axis=1).sum()
    a, b, c = (uv[triangles[:, k]].astype(np.float64) for k in range(3))
    ab, ac = b - a, c - a
    texels = np.abs(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]).sum() * texture_hw[0] * texture_hw[1]
    return float(np.sqrt(area / texels)) if texels > 0 else 0.0


def corner_normals(points: Array, triangles: Array, positions: Array, crease_cosine: float) -> Array:
    """Normals of face corners, smooth over faces that meet flatter than a crease.

    Args:
        points: (V, 3) float64.
        triangles: (F, 3) indices of points.
        positions: (F, 3) as ``triangles`` with equal places under equal numbers.
        crease_cosine: Faces whose normals differ by more keep their own.

    Returns:
        (F, 3, 3) float64 unit normals: the area-weighted mean of the corner's own side of every crease.
    """
    weighted = face_normals(points, triangles)
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-30)
    corner_of = np.argsort(positions.reshape(-1), kind="stable")
    _, starts, counts = np.unique(positions.reshape(-1)[corner_of], return_index=True, return_counts=True)
    if int((counts.astype(np.int64) ** 2).sum()) > _MAX_CORNER_PAIRS:
        return np.repeat(unit[:, None], 3, axis=1)
    mates, rows = np.repeat(counts, counts), np.arange(len(corner_of))
    first = np.repeat(rows, mates)
    within = np.arange(len(first)) - np.repeat(np.cumsum(mates) - mates, mates)
    second = np.repeat(np.repeat(starts, counts), mates) + within
    face_a, face_b = corner_of[first] // 3, corner_of[second] // 3
    smooth = np.einsum("ij,ij->i", unit[face_a], unit[face_b]) > crease_cosine
    total = np.zeros((len(corner_of), 3))
    for axis in range(3):
        values = weighted[face_b[smooth], axis]
        total[:, axis] = np.bincount(corner_of[first[smooth]], values, minlength=len(corner_of))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    fallback = np.repeat(unit, 3, axis=0)
    return np.where(length > 1e-30, total / np.maximum(length, 1e-30), fallback).reshape(-1, 3, 3)
