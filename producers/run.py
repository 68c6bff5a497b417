"""One pass over a source: pictures read, paced and published under their numbers."""

import logging
import time
from collections.abc import Callable, Iterator

from producers.pacing import Pacer
from producers.publish import FramePublisher
from producers.sources.base import DamagedPicture, LiveSource, Notice, Shot, Source
from schemas import Frame, Job

_log = logging.getLogger("posestream.producers")


class Run:
    """Publishes a source's pictures from number ``first_seq`` on. Not thread-safe.

    Args:
        job: Whose frames these are.
        run_id: The run.
        first_seq: Where to begin.
        source: Where the pictures come from.
        publisher: Takes the frames.
        pacer: Says when each is due.

    Attributes:
        next_seq: One after the last frame that was published or given up on.
    """

    def __init__(
        self, job: Job, run_id: str, first_seq: int, source: Source, publisher: FramePublisher, pacer: Pacer
    ) -> None:
        self.next_seq = first_seq
        self._job = job
        self._run_id = run_id
        self._source = source
        self._publisher = publisher
        self._pacer = pacer

    def go(self, on_frame: Callable[[], None], on_notice: Callable[[Notice], None] = lambda _: None) -> bool:
        """Publish until the source ends or everything stops.

        Args:
            on_frame: Called after each frame.
            on_notice: Called with what a live source says; its texts are published.

        Returns:
            Whether the source is at its end.

        Raises:
            DeliveryError: As ``FramePublisher.publish``.
            SourceError: The source failed.
        """
        for seq, shot in pictures(self._source, self.next_seq):
            if isinstance(shot, Notice):
                self._publisher.serve()
                if shot.text:
                    self._publisher.note(shot.text)
                on_notice(shot)
                if self._pacer.stopped():
                    return False
                continue
            if isinstance(shot, DamagedPicture):
                self._publisher.skip(seq, str(shot))
            elif self._pacer.wait(shot.at_s) or not self._publisher.publish(self._frame(seq, shot), shot.encoded):
                return False
            self.next_seq = seq + 1
            on_frame()
        return True

    def _frame(self, seq: int, shot: Shot) -> Frame:
        """A source without times of its own is played as if it happened now: captured is read."""
        camera = shot.camera or self._source.camera
        captured_ns = time.time_ns() if shot.captured_ns is None else shot.captured_ns
        return Frame(self._job.id, self._run_id, seq, captured_ns, camera, shot.rgb, shot.depth_m, shot.masks)


def pictures(source: Source, start: int) -> Iterator[tuple[int, Shot | DamagedPicture | Notice]]:
    """Every picture from number ``start`` on with its number; for a damaged one the error that says why.

    A notice of a live source has the number of the picture that comes next.

    Raises:
        SourceError: The source failed as a whole.
    """
    seq = start
    while True:
        try:
            for shot in source.watched(seq) if isinstance(source, LiveSource) else source.shots(seq):
                yield seq, shot
                seq += isinstance(shot, Shot)
        except DamagedPicture as error:
            yield seq, error
            seq += 1
        else:
            return
