"""Video files: ``video:FILE?intrinsics=FILE[&depth=DIR&mesh=FILE&unit=M&object=ID&mask=FILE]``."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2

from producers.sources.base import Shot, SourceError
from producers.sources.extras import OPTIONS, Extras
from producers.sources.files import check_size
from producers.sources.options import Address
from schemas import Pose


class VideoSource:
    """A video file read through OpenCV; see ``producers.sources.base.Source``.

    A depth image is ``depth/%06d.png`` of the picture's place in the video, from 0.
    """

    def __init__(self, address: Address) -> None:
        address.only(*OPTIONS)
        self.name = address.text
        self._path = Path(address.place)
        video = self._opened()
        self.rate_hz = float(video.get(cv2.CAP_PROP_FPS)) or 30.0
        self.frame_count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        size = (int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        video.release()
        self._extras = Extras(address, size)
        self.camera = self._extras.camera
        self.depth_unit_m = self._extras.depth_unit_m
        self.objects = self._extras.objects

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``; ends where the file ends, which may be before its header says."""
        video = self._opened()
        try:
            for seq in range(self.frame_count):
                if not video.grab():
                    return
                if seq < start:
                    continue
                decoded, picture = video.retrieve()
                if not decoded:
                    msg = f"{self._path}: picture {seq} of {self.frame_count} could not be decoded"
                    raise SourceError(msg)
                check_size(self._path, picture, self.camera)
                rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
                yield Shot(seq / self.rate_hz, rgb, self._extras.depth_m(f"{seq:06d}"), self._extras.masks(seq))
        finally:
            video.release()

    def truth(self, seq: int) -> Mapping[str, Pose]:  # noqa: ARG002 - the protocol's signature
        """A video knows no truth."""
        return {}

    def image_id(self, seq: int) -> int:
        """The picture's place in the video."""
        return seq

    def _opened(self) -> cv2.VideoCapture:
        if not self._path.is_file():
            msg = f"{self.name}: expected a video file, found none at {self._path}"
            raise SourceError(msg)
        video = cv2.VideoCapture(str(self._path))
        if not video.isOpened():
            msg = f"{self._path}: expected a video that OpenCV reads, could not open it"
            raise SourceError(msg)
        return video
