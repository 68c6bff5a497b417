"""Meshes to depth, colour and normals."""

from estimators.rendering.base import Renderer, Rendering, Scene
from estimators.rendering.cpu import CpuRenderer

__all__ = ["CpuRenderer", "Renderer", "Rendering", "Scene"]
