"""What a job may say about how Gen6D works for it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from estimators.gen6d.alone import RADIAN, RIGHT_ANGLE
from estimators.option_values import one_of, whole_number
from schemas import BadJob

_ANGLES = {"radians": RADIAN, "right": RIGHT_ANGLE}
_MOST_STEPS, _MOST_VIEWS = 20, 512


@dataclass(frozen=True, slots=True)
class Options:
    """A job's options; the text of each is checked.

    Attributes:
        views: References that the selector compares; the published one was trained with 64.
        steps: Of the refiner after a detection.
        iterations: Of the refiner in tracking, a frame.
        angle_unit: Radians in one unit of the selector's angle.
        loss: Whether objects can be lost; off tracks whatever comes.
    """

    views: int = 64
    steps: int = 3
    iterations: int = 1
    angle_unit: float = RADIAN
    loss: bool = True

    @staticmethod
    def of(options: Mapping[str, str]) -> "Options":
        """The options in a job's texts.

        Args:
            options: ``views``, ``steps``, ``iterations``, ``angle`` (radians, as the published program takes them, or
                right, as the published loss trains them), ``loss`` (on or off).

        Raises:
            BadJob: An unknown option or value; it is named.
        """
        known = ["angle" if field.name == "angle_unit" else field.name for field in fields(Options)]
        for name in options:
            if name not in known:
                msg = f"option {name}: gen6d knows {', '.join(known)}"
                raise BadJob(msg)
        return Options(
            whole_number("views", options.get("views", "64"), 2, _MOST_VIEWS),
            whole_number("steps", options.get("steps", "3"), 0, _MOST_STEPS),
            whole_number("iterations", options.get("iterations", "1"), 1, _MOST_STEPS),
            _ANGLES[one_of("angle", options.get("angle", "radians"), tuple(_ANGLES))],
            one_of("loss", options.get("loss", "on"), ("on", "off")) == "on",
        )
