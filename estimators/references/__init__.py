"""Posed photos that an object is known by instead of a mesh: read from a folder, checked, measured."""

from estimators.references.layout import load_references, posed_photos, told_box
from estimators.references.photos import Photo, ReferenceSet

__all__ = ["Photo", "ReferenceSet", "load_references", "posed_photos", "told_box"]
