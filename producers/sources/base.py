"""What every source gives."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from schemas import Camera, JobObject, Pose, PosestreamError
from schemas.arrays import Array
from schemas.pictures import EncodedPictures


class SourceError(PosestreamError):
    """A source cannot be opened or read: its address, an option or a file is wrong."""


class DamagedPicture(SourceError):
    """One picture cannot be decoded; those after it may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture of a source, before it belongs to a job.

    Attributes:
        at_s: When it was taken, seconds after the source's first picture.
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32 in metres, 0 where unknown; None without depth.
        masks: object_id -> (H, W) bool of visible pixels; None where the source gives none.
        camera: Of this picture, where it differs from the source's.
        captured_ns: When it was taken, nanoseconds since the Unix epoch, where a recording knows; else it is now.
        encoded: The same pictures as they once travelled, where a recording kept them: they travel so again.
    """

    at_s: float
    rgb: Array
    depth_m: Array | None = None
    masks: Mapping[str, Array] | None = None
    camera: Camera | None = None
    captured_ns: int | None = None
    encoded: EncodedPictures | None = None


class Source(Protocol):
    """A stream of pictures that can be read again from any place.

    Attributes:
        name: Its address, for people.
        camera: Of the first picture, and of every one that names no other; all are of its size.
        rate_hz: Pictures a second by its own clock.
        depth_unit_m: Metres in one step of its depth images.
        objects: What it knows of the objects in it; () where it knows nothing.
        frame_count: Pictures in all, damaged ones included; a video may end before it; 0 for a camera: it has no end.
    """

    name: str
    camera: Camera
    rate_hz: float
    depth_unit_m: float
    objects: tuple[JobObject, ...]
    frame_count: int

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """Pictures from number ``start`` on, in order; those before it are not decoded.

        A picture that is damaged has its number all the same, so that the truth and a later start stay aligned:
        whoever wants the others asks again from the number after it.

        Raises:
            DamagedPicture: The next picture cannot be decoded.
            SourceError: A file is missing, or of another size or kind than the source says.
        """
        ...

    def truth(self, seq: int) -> Mapping[str, Pose]:
        """True ``cam_from_obj`` of the objects in picture ``seq``; empty where not known."""
        ...

    def image_id(self, seq: int) -> int:
        """The number under which picture ``seq`` stands in its recording (BOP's im_id)."""
        ...


class SourceState(StrEnum):
    """What a live source does."""

    PLAYING = "playing"
    """Pictures come, and they live."""
    AWAY = "away"
    """No pictures come; it is asked again and again."""
    FROZEN = "frozen"
    """The same picture comes again and again."""
    BLACK = "black"
    """Black pictures come."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a live source says between two pictures.

    Attributes:
        state: What it does.
        text: One line for people, to be published; "" only gives its reader a turn while no picture comes.
        tries: Connections that failed since the last notice.
        passed_over: Pictures that nobody took in time, since the last notice; they have no numbers.
    """

    state: SourceState
    text: str = ""
    tries: int = 0
    passed_over: int = 0


@runtime_checkable
class LiveSource(Protocol):
    """A ``Source`` whose pictures are of now, whatever number they are asked from."""

    def watched(self, start: int = 0) -> Iterator[Shot | Notice]:
        """As ``Source.shots``, with notices between the pictures, ten a second at least while none comes."""
        ...

    def close(self) -> None:
        """Let go of the camera; waits for a read that is under way. To be called before the process ends."""
        ...
