"""The estimator without weights; ``estimators.registry`` loads it by the name ``geometric``."""

from estimators.geometric.estimator import GeometricEstimator

__all__ = ["GeometricEstimator"]
