"""Video files: ``video:FILE?intrinsics=FILE[&depth=DIR&mesh=FILE&unit=M&object=ID&mask=FILE]``."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2

from producers.sources.base import DamagedPicture, Shot, SourceError
from producers.sources.extras import OPTIONS, Extras
from producers.sources.files import check_size
from producers.sources.options import Address
from schemas import Pose
from schemas.arrays import Array

_log = logging.getLogger("posestream.producers")

_DEFAULT_RATE_HZ = 30.0  # where the file does not say


class VideoSource:
    """A video file read through OpenCV; see ``producers.sources.base.Source``.

    Times are the file's own. A depth image is ``depth/%06d.png`` of the picture's place in the video, from 0.
    """

    def __init__(self, address: Address) -> None:
        address.only(*OPTIONS)
        self.name = address.text
        self._path = Path(address.place)
        video = self._opened()
        self.rate_hz = float(video.get(cv2.CAP_PROP_FPS)) or _DEFAULT_RATE_HZ
        self.frame_count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        if self.frame_count <= 0:  # some containers do not say
            self.frame_count = _counted(video)
        size = (int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        video.release()
        self._extras = Extras(address, size)
        self.camera = self._extras.camera
        self.depth_unit_m = self._extras.depth_unit_m
        self.objects = self._extras.objects
        self._extras.expect_depth([f"{seq:06d}" for seq in range(self.frame_count)])

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``; ends where the file ends, which may be before its header says."""
        video = self._opened()
        at_s = -1.0
        try:
            for seq in range(self.frame_count):
                if not video.grab():
                    _log.warning("%s: ends at picture %d, its header says %d", self._path, seq, self.frame_count)
                    return
                told_s = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
                at_s = told_s if told_s > at_s else seq / self.rate_hz  # some files tell no times
                if seq >= start:
                    yield Shot(at_s, self._rgb(video, seq), self._extras.depth_m(f"{seq:06d}"), self._extras.masks(seq))
        finally:
            video.release()

    def truth(self, seq: int) -> Mapping[str, Pose]:  # noqa: ARG002 - the protocol's signature
        """A video knows no truth."""
        return {}

    def image_id(self, seq: int) -> int:
        """The picture's place in the video."""
        return seq

    def _rgb(self, video: cv2.VideoCapture, seq: int) -> Array:
        decoded, picture = video.retrieve()
        if not decoded:
            msg = f"{self._path}: picture {seq} of {self.frame_count} could not be decoded"
            raise DamagedPicture(msg)
        check_size(self._path, picture, self.camera)
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def _opened(self) -> cv2.VideoCapture:
        if not self._path.is_file():
            msg = f"{self.name}: expected a video file, found none at {self._path}"
            raise SourceError(msg)
        video = cv2.VideoCapture(str(self._path))
        if not video.isOpened():
            msg = f"{self._path}: expected a video that OpenCV reads, could not open it"
            raise SourceError(msg)
        return video


def _counted(video: cv2.VideoCapture) -> int:
    """How many pictures a video has, by reading it through."""
    count = 0
    while video.grab():
        count += 1
    return count
