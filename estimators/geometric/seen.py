"""What earlier frames showed of an object: its colours and its last trusted picture, as bytes of a fixed layout."""

from dataclasses import dataclass

from estimators.geometric.colours import COLOURS_BYTES, Colours
from estimators.geometric.keyframe import KEYFRAME_BYTES, Keyframe

SEEN_BYTES = COLOURS_BYTES + KEYFRAME_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Learned from frames with a trusted pose alone; a score must not be made of it.

    Attributes:
        colours: Of the object and around it.
        key: The last trusted picture.
    """

    colours: Colours
    key: Keyframe

    def pack(self) -> bytes:
        """The same as bytes."""
        return self.colours.pack() + self.key.pack()

    @staticmethod
    def unpack(data: bytes) -> "Seen | None":
        """What these bytes hold; None where there are none."""
        colours, key = Colours.unpack(data[:COLOURS_BYTES]), Keyframe.unpack(data[COLOURS_BYTES:])
        return None if colours is None or key is None else Seen(colours, key)
