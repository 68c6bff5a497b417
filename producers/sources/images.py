"""Folders of pictures: ``images:DIR?intrinsics=FILE`` and the options of ``producers.sources.extras``, rate, every."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from producers.sources.base import Shot
from producers.sources.extras import OPTIONS, Extras
from producers.sources.files import pictures_in, read_rgb, size_of
from producers.sources.options import Address
from schemas import Pose

DEFAULT_RATE_HZ = 30.0  # a folder of pictures holds no times


class ImagesSource:
    """A folder of pictures in the order of their names; see ``producers.sources.base.Source``."""

    def __init__(self, address: Address) -> None:
        address.only("rate", "every", *OPTIONS)
        self.name = address.text
        self.rate_hz = address.number("rate", DEFAULT_RATE_HZ)
        self._pictures = pictures_in(Path(address.place))[:: address.whole("every", 1, 1)]
        self._extras = Extras(address, size_of(self._pictures[0]))
        self.camera = self._extras.camera
        self.depth_unit_m = self._extras.depth_unit_m
        self.objects = self._extras.objects
        self.frame_count = len(self._pictures)
        self._extras.expect_depth([path.stem for path in self._pictures])

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``; a depth image is the one with the picture's own name."""
        for seq in range(start, self.frame_count):
            path = self._pictures[seq]
            rgb = read_rgb(path, self.camera)
            yield Shot(seq / self.rate_hz, rgb, self._extras.depth_m(path.stem), self._extras.masks(seq))

    def truth(self, seq: int) -> Mapping[str, Pose]:  # noqa: ARG002 - the protocol's signature
        """A folder of pictures knows no truth."""
        return {}

    def image_id(self, seq: int) -> int:
        """The number in the picture's name, else its place."""
        stem = self._pictures[seq].stem
        return int(stem) if stem.isdigit() else seq
