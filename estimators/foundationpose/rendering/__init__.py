"""Renders with the conventions that FoundationPose's networks were trained with."""

from estimators.foundationpose.rendering.base import CropRenderer
from estimators.foundationpose.rendering.choice import make_renderer

__all__ = ["CropRenderer", "make_renderer"]
