"""An object made ready for Gen6D."""

from dataclasses import dataclass

import numpy as np

from estimators.foundationpose.symmetry import symmetry_transforms
from estimators.gen6d.alone import Known
from estimators.gen6d.cropped import references_from
from estimators.gen6d.database import build
from estimators.gen6d.engine import Engine
from estimators.gen6d.geometry import normalisation, normalised_pose
from estimators.gen6d.kept import features_of
from estimators.gen6d.options import Options
from estimators.references import ReferenceSet
from estimators.references.layout import references_of
from schemas import JobObject
from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class ObjectModel:
    """An object's photos and what was worked out from them once.

    Attributes:
        item: The object as the job names it.
        made: Its photos.
        known: What the networks know of them.
        surface: (N, 3) points about its surface, normalised.
        symmetries: (S, 4, 4) float64, the identity first, in the object's frame.
        options: Of its job.
    """

    item: JobObject
    made: ReferenceSet
    known: Known
    surface: Array
    symmetries: Array
    options: Options

    def normalised(self, cam_from_obj: Array) -> Array:
        """A pose (3, 4) in metres, float32, of the object with its centre at the origin and its diameter 2."""
        references = self.known.references
        return normalised_pose(cam_from_obj, *normalisation(references.center, references.diameter))


def make_model(item: JobObject, options: Options, engine: Engine) -> ObjectModel:
    """An object of a job, its photos read and put through the networks; both kept for the next time.

    Raises:
        BadJob: Its photos will not do, see ``references.load_references``.
    """
    made = references_of(item)
    references = references_from(made)
    database = build(references, options.views)
    scale, offset = normalisation(references.center, references.diameter)
    surface = made.surface_m * scale + offset
    symmetries = symmetry_transforms(item, np.zeros(3))
    known = Known(references, database, features_of(engine, database))
    return ObjectModel(item, made, known, surface, symmetries, options)
