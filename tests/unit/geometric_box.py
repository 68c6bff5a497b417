"""A box with six different faces, ready for the geometric estimator."""

from pathlib import Path

from estimators.geometric.model import ObjectModel, make_model
from estimators.mesh import load_mesh
from estimators.rendering import CpuRenderer
from schemas import JobObject
from tests.unit.estimators_scene import write_box


def box_model(folder: Path, renderer: CpuRenderer) -> ObjectModel:
    """5 x 14 x 8 cm."""
    path = write_box(folder / "box.obj", (0.05, 0.14, 0.08), seed=3)
    return make_model(JobObject("box", str(path)), load_mesh(path), renderer)
