"""Objects made in code: shapes, what is printed on them, and both together by number."""

from estimators.foundationpose.training.objects.surfaces import Thing
from estimators.foundationpose.training.objects.things import size_of, thing

__all__ = ["Thing", "size_of", "thing"]
