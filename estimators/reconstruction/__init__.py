"""Meshes of objects that never had one: from posed photos, with depth or without, on plain arrays."""

from estimators.reconstruction.reconstruct import Reconstruction, reconstruct, surface_of
from estimators.reconstruction.view import View

__all__ = ["Reconstruction", "View", "reconstruct", "surface_of"]
