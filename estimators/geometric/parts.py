"""Which parts of the estimator are at work: all, unless a job switches some off to see what they do."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from schemas import BadJob

_OPTION = "off"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that can be switched off, one field each.

    Attributes:
        depth: Points of the mesh are aligned to the depth image.
        region: The outline is aligned to where the object ends: always without depth, with it where all else is weak.
        texture: Corners of the mesh's texture are aligned to the colour image.
        prediction: The object goes on as it went (constant velocity).
        restarts: Other starts, faces and turns are tried where the score falls.
        turns: The turn about an axis of near-symmetry is swept.
        recovery: An object that is not where it should be is looked for elsewhere.
    """

    depth: bool = True
    region: bool = True
    texture: bool = True
    prediction: bool = True
    restarts: bool = True
    turns: bool = True
    recovery: bool = True

    @staticmethod
    def of(options: Mapping[str, str]) -> "Parts":
        """The parts that a job's options leave on; ``{"off": "texture,recovery"}`` switches two off.

        Raises:
            BadJob: An option or a part that does not exist.
        """
        unknown = sorted(set(options) - {_OPTION})
        if unknown:
            msg = f"options of the geometric estimator: expected {_OPTION}, got {', '.join(unknown)}"
            raise BadJob(msg)
        off = [name.strip() for name in options.get(_OPTION, "").split(",") if name.strip()]
        names = [part.name for part in fields(Parts)]
        for name in off:
            if name not in names:
                msg = f"option {_OPTION}: expected some of {', '.join(names)}, got {name!r}"
                raise BadJob(msg)
        return Parts(**dict.fromkeys(off, False))
