"""Where things are before a camera: the object to be found, what stands about it, what is in front of it."""

from dataclasses import dataclass

import numpy as np

from estimators.foundationpose.training.objects.surfaces import Thing
from estimators.foundationpose.training.objects.things import size_of, thing
from schemas.arrays import Array

THINGS = 40_000
"""Objects that scenes take theirs from."""
NEIGHBOURS_FROM = 3_000_000_000
"""Numbers of things that only stand about others begin here."""
_NEIGHBOURS, _SHARED = 64, 4096  # so many stand about so many things: each is made once for many scenes
_NEAREST_M, _FARTHEST_M = 0.2, 2.2


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A thing at a place.

    Attributes:
        thing: What.
        cam_from_obj: (4, 4) float64.
    """

    thing: Thing
    cam_from_obj: Array


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """All that is before the camera.

    Attributes:
        camera_matrix: (3, 3) float64, pixels.
        target: The object to be found.
        behind: What stands about it.
        before: What may hide it.
        up: (3,) float64 unit normal of the table, towards the camera's side, in the camera's frame.
        table_m: The table's points p have up @ p = table_m.
    """

    camera_matrix: Array
    target: Placed
    behind: tuple[Placed, ...]
    before: tuple[Placed, ...]
    up: Array
    table_m: float


def make_layout(number: int, size_px: tuple[int, int], rng: np.random.Generator) -> Layout:
    """A random arrangement about one thing.

    Args:
        number: Of the thing that is to be found.
        size_px: Height and width of the picture.
        rng: Whatever is random.
    """
    height, width = size_px
    focal = width * rng.uniform(0.8, 1.6)
    center = np.array([(width - 1) / 2, (height - 1) / 2]) + rng.normal(size=2) * 0.02 * width
    K = np.array([[focal, 0, center[0]], [0, focal * rng.uniform(0.99, 1.01), center[1]], [0, 0, 1]])
    found = thing(number)
    up = _up(rng)
    cam_from_obj = _before_camera(found.mesh.diameter_m, K, size_px, rng)
    cam_from_obj[:3, :3] = _stood(up, rng) if rng.random() < 0.55 else random_turn(rng)
    target = Placed(found, cam_from_obj)
    lifted = 0.0 if rng.random() < 0.6 else found.mesh.diameter_m * rng.uniform(0, 1.5)
    table_m = _lowest(target, up) - lifted - 1e-4
    behind = _stand_about(target, up, table_m, number, rng)
    return Layout(K, target, behind, _in_front(target, number, rng), up, table_m)


def random_turn(rng: np.random.Generator) -> Array:
    """(3, 3) rotation, all alike likely (Shoemake 1992)."""
    quaternion = rng.normal(size=4)
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def _up(rng: np.random.Generator) -> Array:
    """The way up for a camera that looks down by 10 to 85 degrees and is held a little askew."""
    pitch, roll = rng.uniform(np.deg2rad(10), np.deg2rad(85)), rng.normal() * 0.15
    return np.array([np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), -np.sin(pitch)])


def _before_camera(diameter_m: float, K: Array, size_px: tuple[int, int], rng: np.random.Generator) -> Array:
    """A pose whose place lets the object be seen at a fifth to most of the picture's height."""
    seen_px = size_px[0] * np.exp(rng.uniform(np.log(0.2), np.log(0.85)))
    nearest = max(_NEAREST_M, 0.75 * diameter_m + 0.08)
    z = float(np.clip(K[0, 0] * diameter_m / seen_px, nearest, _FARTHEST_M))
    pixel = np.array([*(rng.uniform(0.18, 0.82, 2) * (size_px[1], size_px[0])), 1.0])
    out = np.eye(4)
    out[:3, 3] = np.linalg.inv(K) @ pixel * z
    return out


def _stood(up: Array, rng: np.random.Generator) -> Array:
    """A turn that has one of the object's axes upwards, mostly z."""
    axis = np.zeros(3)
    axis[2 if rng.random() < 0.7 else int(rng.integers(3))] = 1.0 if rng.random() < 0.85 else -1.0
    return _between(axis, up) @ _about(axis, rng.uniform(0, 2 * np.pi))


def _between(source: Array, target: Array) -> Array:
    """The least turn that takes one unit vector to another."""
    cross, dot = np.cross(source, target), float(source @ target)
    if dot < -0.999999:
        other = np.eye(3)[np.argmin(np.abs(source))]
        axis = np.cross(source, other)
        return _about(axis / np.linalg.norm(axis), np.pi)
    skew = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1 + dot)


def _about(axis: Array, angle_rad: float) -> Array:
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle_rad) * skew + (1 - np.cos(angle_rad)) * (skew @ skew)


def _lowest(placed: Placed, up: Array) -> float:
    """How far along ``up`` its lowest point lies."""
    points = placed.thing.mesh.vertices_m @ placed.cam_from_obj[:3, :3].T
    return float((points @ up).min() + up @ placed.cam_from_obj[:3, 3])


def _neighbour(number: int, size_m: float, least: float, most: float, rng: np.random.Generator) -> Thing | None:
    """One of those that stand about things of this number, its size between those shares of ``size_m``; or none."""
    first = NEIGHBOURS_FROM + number // _SHARED * _NEIGHBOURS
    fitting = [k for k in range(first, first + _NEIGHBOURS) if least <= size_of(k) / size_m <= most]
    return thing(int(rng.choice(fitting))) if fitting else None


def _stand_about(
    target: Placed, up: Array, table_m: float, number: int, rng: np.random.Generator
) -> tuple[Placed, ...]:
    """Up to nine things on the table, none through the object; seldom one of them is just like it."""
    diameter = target.thing.mesh.diameter_m
    foot = target.cam_from_obj[:3, 3] - up * (up @ target.cam_from_obj[:3, 3] - table_m)
    first = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    first /= np.linalg.norm(first)
    second, out = np.cross(up, first), list[Placed]()
    for _ in range(int(rng.integers(0, 10))):
        one = target.thing if rng.random() < 0.08 else _neighbour(number, diameter, 0.3, 1.5, rng)
        if one is None:
            break
        reach = (diameter + one.mesh.diameter_m) / 2
        away, angle = reach * (0.9 + 1.6 * rng.random() ** 2), rng.uniform(0, 2 * np.pi)
        pose = np.eye(4)
        pose[:3, :3] = _stood(up, rng) if rng.random() < 0.75 else random_turn(rng)
        pose[:3, 3] = foot + away * (np.cos(angle) * first + np.sin(angle) * second)
        pose[:3, 3] += up * (table_m - _lowest(Placed(one, pose), up))
        if pose[2, 3] > one.mesh.diameter_m + 0.05:
            out.append(Placed(one, pose))
    return tuple(out)


def _in_front(target: Placed, number: int, rng: np.random.Generator) -> tuple[Placed, ...]:
    """Up to two things between camera and object, which hide some of it."""
    diameter, place = target.thing.mesh.diameter_m, target.cam_from_obj[:3, 3]
    out: list[Placed] = []
    for _ in range(int(rng.choice([0, 1, 2], p=[0.35, 0.4, 0.25]))):
        one = _neighbour(number, diameter, 0.15, 0.7, rng)
        if one is None:
            break
        gap = diameter / 2 + one.mesh.diameter_m / 2 + rng.uniform(0, 0.08)
        near = place[2] - gap
        if near < one.mesh.diameter_m + 0.06:
            continue
        angle, aside = rng.uniform(0, 2 * np.pi), diameter * rng.uniform(0.1, 0.6)
        pose = np.eye(4)
        pose[:3, :3] = random_turn(rng)
        pose[:3, 3] = place * (near / place[2]) + aside * np.array([np.cos(angle), np.sin(angle), 0.0])
        out.append(Placed(one, pose))
    return tuple(out)
