"""The scenes of training and of validation, by their numbers."""

from estimators.foundationpose.training.scene import Scene, make_scene
from estimators.training.task import FIRST_TRAINING_SEED

_VALIDATION_THINGS = 1_000_000_000
"""Objects of validation begin here, far from those of training: one that was learned by heart does not count."""


def numbered_scene(seed: int) -> Scene:
    """The scene of a number, see ``task.FIRST_TRAINING_SEED``; those of validation share no object with the others."""
    return make_scene(seed, first_thing=_VALIDATION_THINGS if seed < FIRST_TRAINING_SEED else 0)
