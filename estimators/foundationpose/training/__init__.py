"""Training data made in code: objects, scenes, sensors and the crops that the networks learn from."""

from estimators.foundationpose.training.scene import Scene, make_scene

__all__ = ["Scene", "make_scene"]
