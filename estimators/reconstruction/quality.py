"""How good a reconstructed mesh is, by the photos that it was made from."""

from dataclasses import dataclass

import numpy as np

from estimators.mesh import Mesh
from estimators.reconstruction.checks import Means
from estimators.reconstruction.clean import Surface
from estimators.reconstruction.view import View
from estimators.reconstruction.visible import Sights
from estimators.rendering import CpuRenderer
from schemas import BadJob
from schemas.arrays import Array

_LEAST_OVERLAP = 0.75
_LEAST_COSINE = 0.25


@dataclass(frozen=True, slots=True)
class Quality:
    """What the photos say of the mesh drawn into them.

    Attributes:
        means: What it was made from.
        photos: That were used.
        faces: Of the mesh.
        closed: Without holes.
        size_mm: Its box along x, y and z.
        seen_share: Of its surface, what some photo looks at within 75 degrees.
        textured_share: Of its texture, what comes from a photo; the rest is filled from about it.
        overlap: Median over the photos of intersection by union of the mesh's and the mask's outline; with depth the
            mask's share that the mesh covers, for it has only the sides that were seen.
        worst_photo: The photo with the least overlap, and how much.
        depth_error_mm: Median of |drawn - measured| depth; None without depth.
        colour_error: Median over the photos of the mean difference in grey levels, the photo's brightness taken out.
    """

    means: Means
    photos: int
    faces: int
    closed: bool
    size_mm: tuple[float, float, float]
    seen_share: float
    textured_share: float
    overlap: float
    worst_photo: tuple[str, float]
    depth_error_mm: float | None
    colour_error: float


def quality_of(means: Means, mesh: Mesh, surface: Surface, sights: Sights, textured_share: float) -> Quality:
    """See ``Quality``; ``surface`` is the mesh's without looks, ``sights`` are of it."""
    overlaps = overlaps_of(sights, covered_only=means is Means.DEPTH)
    errors = [error for k, view in enumerate(sights.views) if len(error := _depth_errors(view, sights.depth_m(k)))]
    normals, areas = surface.face_normals()
    seen = sights.best(surface.points_m[surface.faces].mean(axis=1), normals) >= _LEAST_COSINE
    worst = int(np.argmin(overlaps))
    size = np.ptp(surface.points_m, axis=0) * 1000
    return Quality(
        means,
        len(sights.views),
        len(mesh.faces),
        mesh.closed,
        (float(size[0]), float(size[1]), float(size[2])),
        float(areas[seen].sum() / areas.sum()),
        textured_share,
        float(np.median(overlaps)),
        (sights.views[worst].name, float(overlaps[worst])),
        float(np.median(np.concatenate(errors))) * 1000 if errors else None,
        float(np.median([_colour_error(mesh, view) for view in sights.views])),
    )


def overlaps_of(sights: Sights, *, covered_only: bool = False) -> Array:
    """(N,) for each photo the intersection by union of the surface's and the mask's outline, or by the mask alone."""
    found: list[float] = []
    for k, view in enumerate(sights.views):
        assert view.mask is not None  # noqa: S101 - by contract
        drawn = sights.depth_m(k) > 0
        whole = view.mask if covered_only else drawn | view.mask
        found.append(np.count_nonzero(drawn & view.mask) / max(1, np.count_nonzero(whole)))
    return np.array(found)


def check_outlines(name: str, sights: Sights) -> None:
    """Let a hull pass that fills the masks that it was made from.

    Raises:
        BadJob: It does not fill half of them to three quarters.
    """
    overlaps = overlaps_of(sights)
    if np.median(overlaps) < _LEAST_OVERLAP:
        worst = ", ".join(sights.views[k].name for k in np.argsort(overlaps)[:3])
        msg = (
            f"{name}: expected poses and masks that agree, got a hull filling {np.median(overlaps):.0%} of them; the "
            f"worst photos are {worst}: check their masks, their poses, and that the object did not move between them"
        )
        raise BadJob(msg)


def _depth_errors(view: View, drawn_m: Array) -> Array:
    if view.depth_m is None or view.mask is None:
        return np.zeros(0)
    both = view.mask & (drawn_m > 0) & (view.depth_m > 0)
    return np.abs(view.depth_m[both] - drawn_m[both])


def _colour_error(mesh: Mesh, view: View) -> float:
    drawn = CpuRenderer().render(mesh, view.cam_from_obj[None].astype(np.float32), view.K, view.size_px)
    both = drawn.depth_m[0] > 0
    both = both if view.mask is None else both & view.mask
    if not both.any():
        return 255.0
    made, seen = drawn.rgb[0][both].astype(np.float64), view.rgb[both].astype(np.float64)
    light = (made * seen).sum() / max(float((made * made).sum()), 1.0)
    return float(np.abs(light * made - seen).mean())
