"""Placements scattered about others, ever closer to those that the frame makes likely."""

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from estimators.geometric.motion import rotation_vector
from estimators.geometric.placement import Placement
from estimators.geometric.solve import turn_by
from schemas.arrays import Array

_COUNT, _KEPT = 64, 8
_SHIFT = 17  # so that each round draws others
_LEAST = np.repeat([np.radians(3.0), 0.005], 3)
_ROUNDS = (0.4, 0.16)  # of the first spread
_CLOSE = np.repeat([np.radians(12.0), 0.02], 3)  # the second round is no wider
_APART_RAD, _APART_M = np.radians(6.0), 0.01


def _table(count: int) -> Array:
    """(count, 6) standard normal numbers, spread evenly (Halton 1960), always the same."""
    normal, out = NormalDist(), np.empty((count, 6))
    for axis, base in enumerate((2, 3, 5, 7, 11, 13)):
        for k in range(count):
            f, value, n = 1.0, 0.0, k + 17
            while n:
                f /= base
                value += f * (n % base)
                n //= base
            out[k, axis] = normal.inv_cdf(value)
    return out


_DRAWN = _table(_COUNT)


def likeliest(
    starts: list[Placement], spread: Array, merit: Callable[[list[Placement]], Array], most: int
) -> list[Placement]:  # fmt: skip
    """The likeliest of some hundred placements about others, none like a better one.

    Args:
        starts: Where to begin; one is scattered as ``spread`` (6, 6) says, several only in the later rounds.
        spread: Covariance of turn (radians) and shift (metres), camera's axes.
        merit: (B,) logarithm of how likely B placements are.
        most: How many are given at most.
    """
    root = np.linalg.cholesky(spread + np.diag(_LEAST**2))
    tried = list(starts)
    if len(starts) == 1:
        tried += [_moved(starts[0], root @ step) for step in _DRAWN[1:]]
    merits = merit(tried)
    size = np.minimum(np.sqrt(np.diag(root @ root.T)), _CLOSE)
    for number, share in enumerate(_ROUNDS):
        kept = np.argsort(-merits, kind="stable")[:_KEPT]
        steps = _DRAWN[: _COUNT // len(kept)] if number == 0 else _DRAWN[-(_COUNT // len(kept)) :]
        near = [_moved(tried[k], share / _ROUNDS[0] * size * step) for k in kept for step in steps]
        tried, merits = [tried[k] for k in kept] + near, np.concatenate([merits[kept], merit(near)])
    return _different(tried, merits, most)


def narrowed(
    tried: list[Placement], merit: Callable[[list[Placement]], Array], plan: Sequence[tuple[int, int, float, float]],
    most: int,
) -> list[Placement]:  # fmt: skip
    """The likeliest placements near some others, in several rounds, none like a better one.

    Args:
        tried: Where to begin.
        merit: (B,) logarithm of how likely B placements are.
        plan: For each round how many are kept, how many are tried about each of them, and how far off, radians and
            metres.
        most: How many are given at most.
    """
    merits = merit(tried)
    for number, (keep, draws, turn_rad, shift_m) in enumerate(plan):
        best = np.argsort(-merits, kind="stable")[:keep]
        kept, size = [tried[k] for k in best], np.repeat([turn_rad, shift_m], 3)
        near = [
            _moved(one, size * _DRAWN[(place * draws + draw + _SHIFT * number) % _COUNT])
            for place, one in enumerate(kept)
            for draw in range(draws)
        ]
        tried, merits = kept + near, np.concatenate([merits[best], merit(near)])
    return _different(tried, merits, most)


def _moved(placement: Placement, step: Array) -> Placement:
    R = placement.R.copy()
    turn_by(np.ascontiguousarray(step[:3]), R)
    return Placement(R, placement.t + step[3:])


def _different(tried: list[Placement], merits: Array, most: int) -> list[Placement]:
    kept: list[Placement] = []
    for k in np.argsort(-merits, kind="stable"):
        one = tried[k]
        if not any(
            np.linalg.norm(rotation_vector(one.R @ other.R.T)) < _APART_RAD
            and np.linalg.norm(one.t - other.t) < _APART_M
            for other in kept
        ):
            kept.append(one)
        if len(kept) == most:
            break
    return kept
