"""Groups of turns that leave a shape as it is."""

from itertools import permutations, product

import numpy as np

from schemas.arrays import Array

AXIS_STEPS = 360
"""In which turns about a round shape's axis are listed: no pose is farther than half a degree from one."""


def folded(fold: int) -> Array:
    """(fold, 3, 3) float64 turns about z by 1 / fold of a whole turn, the identity first."""
    angle = np.arange(fold) * (2 * np.pi / fold)
    out = np.tile(np.eye(3), (fold, 1, 1))
    out[:, 0, 0] = out[:, 1, 1] = np.cos(angle)
    out[:, 1, 0] = np.sin(angle)
    out[:, 0, 1] = -out[:, 1, 0]
    return out


def about_axis() -> Array:
    """(360, 3, 3), those of a shape that is round about z."""
    return folded(AXIS_STEPS)


def box_turns(half: Array) -> Array:
    """(4, 8 or 24, 3, 3): those of a box of sides ``half`` (3,), the identity first; equal sides may change places."""
    found = [np.eye(3)]
    for order in permutations(range(3)):
        if not np.array_equal(half[list(order)], half):
            continue
        for signs in product((1.0, -1.0), repeat=3):
            turn = np.eye(3)[list(order)] * np.array(signs)[:, None]
            if np.linalg.det(turn) > 0 and not np.array_equal(turn, np.eye(3)):
                found.append(turn)
    return np.stack(found)
