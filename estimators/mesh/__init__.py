"""Triangle meshes in metres, from files or bare arrays."""

from estimators.mesh.checks import checked_mesh
from estimators.mesh.file import load_mesh, load_object
from estimators.mesh.model import Mesh

__all__ = ["Mesh", "checked_mesh", "load_mesh", "load_object"]
