"""Looks at a file that somebody uploaded, in a process of its own with little memory and little time.

``python -m sink.api.mesh_check FILE UNIT_M`` prints ``{"faces": ..., "extent_m": ...}`` or ``{"error": ...}``: what a
hostile file does to the readers of meshes and pictures, it does to that process only.
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from schemas.textures import limit_textures

MOST_FACES = 2_000_000
LEAST_EXTENT_M, MOST_EXTENT_M = 1e-3, 100.0
_MEMORY_BYTES = 4 << 30  # of addresses; a picture in a GLB that claims more fails there
_CPU_S, _PATIENCE_S = 60, 120.0
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": os.defpath}


class BadMesh(ValueError):
    """It is no mesh that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A good mesh: its triangles, and the longest side of its box in metres."""

    faces: int
    extent_m: float


def measure(path: Path, unit_m: float) -> Measured:
    """Read a mesh in another process.

    Raises:
        BadMesh: It cannot be read, has no faces or too many, or is of no size that its unit can be right for.
    """
    command = [sys.executable, "-m", "sink.api.mesh_check", str(path), repr(unit_m)]
    root = str(Path(__file__).parents[2])
    try:
        done = subprocess.run(
            command,
            env=_ENVIRONMENT | {"PYTHONPATH": root},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        said = json.loads(done.stdout.splitlines()[-1] if done.stdout else "")
    except (subprocess.TimeoutExpired, ValueError) as error:
        msg = "mesh: could not be read with the time and memory that a mesh may take"
        raise BadMesh(msg) from error
    if "error" in said:
        raise BadMesh(str(said["error"]))
    return Measured(int(said["faces"]), float(said["extent_m"]))


def _measured(path: Path, unit_m: float) -> Measured:
    import numpy as np
    import trimesh

    limit_textures()
    try:
        with path.open("rb") as file:  # not by its path: then other files that it names cannot be found
            mesh = trimesh.load(file, file_type=path.suffix[1:], force="mesh", process=False)
        faces, vertices = np.asarray(mesh.faces), np.asarray(mesh.vertices, np.float64) * unit_m  # type: ignore[union-attr]
    except Exception as error:  # trimesh raises whatever its many readers stumble over
        msg = f"mesh: not readable as {path.suffix[1:].upper()}: {type(error).__name__}: {error}"
        raise BadMesh(msg[:500]) from error
    if not 0 < len(faces) <= MOST_FACES:
        msg = f"mesh: expected 1 to {MOST_FACES} faces, got {len(faces)}"
        raise BadMesh(msg)
    if not np.isfinite(vertices).all() or faces.min() < 0 or faces.max() >= len(vertices):
        msg = "mesh: expected finite vertices, and faces of those that there are"
        raise BadMesh(msg)
    extent_m = float(np.ptp(vertices, axis=0).max())
    if not LEAST_EXTENT_M <= extent_m <= MOST_EXTENT_M:
        msg = (
            f"mesh: expected a size of {LEAST_EXTENT_M:g} to {MOST_EXTENT_M:g} m, got {extent_m:g} m with a unit of "
            f"{unit_m:g} m; a file in millimetres has 0.001"
        )
        raise BadMesh(msg)
    return Measured(len(faces), extent_m)


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it only reads
    try:
        found = _measured(Path(sys.argv[1]), float(sys.argv[2]))
        said = {"faces": found.faces, "extent_m": found.extent_m}
    except BadMesh as error:
        said = {"error": str(error)}
    except MemoryError:
        said = {"error": "mesh: needs more memory than a mesh may take"}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    _main()
