"""Triangle meshes in metres, from files or bare arrays."""

from estimators.mesh.file import load_mesh, load_object
from estimators.mesh.model import Mesh

__all__ = ["Mesh", "load_mesh", "load_object"]
