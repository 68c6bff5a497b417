"""From posed photos to a textured mesh, with the figures that say how good it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from estimators.mesh import Mesh
from estimators.reconstruction.atlas import Atlas, lay_flat
from estimators.reconstruction.checks import Means, ready_views
from estimators.reconstruction.clean import Surface, fewer_faces, smoothed, without_scraps
from estimators.reconstruction.consistency import moved_to_agreement
from estimators.reconstruction.extent import box_by_depth, box_by_masks
from estimators.reconstruction.fusion import fuse_depth
from estimators.reconstruction.grid import Grid
from estimators.reconstruction.hull import hull_field
from estimators.reconstruction.nets import surface_net
from estimators.reconstruction.quality import Quality, check_outlines, quality_of
from estimators.reconstruction.texture import texture_of
from estimators.reconstruction.underside import cut_underside
from estimators.reconstruction.view import View
from estimators.reconstruction.visible import Sights
from schemas import BadJob
from schemas.arrays import Array

CELLS = 128
_MOST_FACES = 16_000
_TEXTURE_PX = 1024
_HULL_ROUNDS, _DEPTH_ROUNDS = 3, 12
_LEAST_LOOKS = 0.02  # of the photos: depth that fewer saw is noise

OnStep = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """A mesh from photos.

    Attributes:
        mesh: Textured, metres, in the frame of the photos' poses.
        quality: How good it is.
    """

    mesh: Mesh
    quality: Quality


def reconstruct(name: str, views: Sequence[View], on_step: OnStep, cells: int = CELLS) -> Reconstruction:
    """A textured mesh of what the photos show.

    With depth in at least half of the photos it is fused (the sides that were seen, open elsewhere); without, it is the
    hull of the masks, cut off level below and moved inwards to where the photos agree (closed).

    Args:
        name: For messages.
        views: Posed photos; metres.
        on_step: Told of the progress.
        cells: Of the grid, along the object's longest side.

    Raises:
        BadJob: The photos will not do; what to do is said.
    """
    means, ready, surface = surface_of(name, views, on_step, cells)
    atlas = lay_flat(surface, _TEXTURE_PX)
    sights = Sights(surface, ready)
    texture, shown = texture_of(atlas, sights, lambda done, total: on_step("texture", done, total))
    mesh = _mesh(name, atlas, texture)
    return Reconstruction(mesh, quality_of(means, mesh, surface, sights, shown))


def surface_of(
    name: str, views: Sequence[View], on_step: OnStep, cells: int = CELLS
) -> tuple[Means, list[View], Surface]:
    """The surface alone, what it was made from, and the photos that were used, cut to about the object.

    Raises:
        BadJob: See ``reconstruct``.
    """
    means, ready = ready_views(name, list(views))
    surface = _fused(name, ready, on_step, cells) if means is Means.DEPTH else _carved(name, ready, on_step, cells)
    return means, ready, fewer_faces(surface, _MOST_FACES)


def _mesh(name: str, atlas: Atlas, texture: Array) -> Mesh:
    return Mesh.build(atlas.surface.points_m, atlas.surface.faces, name=name, uv=atlas.uv, texture=texture)


def _fused(name: str, views: list[View], on_step: OnStep, cells: int) -> Surface:
    views = [view for view in views if view.depth_m is not None]
    grid = Grid.about(*box_by_depth(name, views), cells)
    field, weight = fuse_depth(grid, views, lambda done, total: on_step("depth", done, total))
    known = weight > _LEAST_LOOKS * len(views)
    return _surface(name, grid, field, known, _DEPTH_ROUNDS)


def _carved(name: str, views: list[View], on_step: OnStep, cells: int) -> Surface:
    grid = Grid.about(*box_by_masks(name, views), cells)
    field = hull_field(grid, views, lambda done, total: on_step("outlines", done, total))
    everywhere = np.ones(grid.shape, np.bool_)
    hull = _surface(name, grid, field, everywhere, _HULL_ROUNDS)
    sights = Sights(hull, views)
    check_outlines(name, sights)
    field = cut_underside(grid, field, hull, sights)
    cut = _surface(name, grid, field, everywhere, _HULL_ROUNDS)
    return moved_to_agreement(cut, Sights(cut, views), lambda done, total: on_step("agreement", done, total))


def _surface(name: str, grid: Grid, field: Array, known: Array, rounds: int) -> Surface:
    points, faces = surface_net(field, known)
    if not len(faces):
        msg = f"{name}: expected photos that show one surface, got none; check poses, depth and masks"
        raise BadJob(msg)
    return smoothed(without_scraps(Surface(grid.metres(points), faces)), rounds)
