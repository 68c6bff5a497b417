"""Renders with the conventions that FoundationPose's networks were trained with."""

from estimators.foundationpose.rendering.base import CropRenderer
from estimators.foundationpose.rendering.cpu import NumbaCropRenderer

__all__ = ["CropRenderer", "NumbaCropRenderer"]
