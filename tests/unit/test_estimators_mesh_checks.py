"""One check for the meshes of all estimators: every array that is not as it must be is named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from estimators.foundationpose.surface import Surface
from estimators.mesh import Mesh


def plain_mesh(**arrays: Any) -> Mesh:
    return Mesh(**{"name": "cup", "diameter_m": 0.1, "closed": False, **arrays})


def surface(**arrays: Any) -> Surface:
    return Surface(**{"diameter_m": 0.1, **arrays})


@pytest.mark.parametrize(("make", "name"), [(plain_mesh, "mesh cup"), (surface, "surface")])
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"vertices_m": np.zeros((3, 2), np.float32)}, r"vertices_m: expected shape \('any', 3\), got \(3, 2\)"),
        ({"faces": np.zeros((1, 3))}, "faces: expected int32, got float64"),
        ({"faces": np.array([[0, 1, 3]])}, "expected faces over its 3 vertices, got indices 0 to 3"),
        ({"faces": np.array([[0, 1, -1]])}, "expected faces over its 3 vertices, got indices -1 to 1"),
        ({"normals": np.zeros((4, 3), np.float32)}, r"normals: expected shape \(3, 3\), got \(4, 3\)"),
        ({"uv": np.zeros((3, 2), np.float32)}, "expected uv and texture together or neither"),
        ({"texture": np.zeros((8, 8, 3), np.uint8)}, "expected uv and texture together or neither"),
        ({"colors": np.zeros((3, 4), np.uint8)}, r"colors: expected shape \(3, 3\), got \(3, 4\)"),
    ],
)
def test_a_mesh_that_is_not_as_it_must_be_is_refused(
    make: Callable[..., object], name: str, changed: dict[str, Any], told: str
) -> None:
    triangle = np.eye(3, dtype=np.float32)
    good: dict[str, Any] = {"vertices_m": triangle, "faces": np.array([[0, 1, 2]]), "normals": triangle}
    make(**good)
    with pytest.raises(ValueError, match=f"{name}: {told}"):
        make(**good | changed)
