"""What is done with frames on a lane, beside the loop: prepare their jobs, decode them, ask the estimator.

Nothing here changes a stream: all that an answer needs was taken from it before, and the loop's thread takes the
answers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from consumers.estimation import Answer, Question, answer, question
from consumers.streams import PendingFrame, Stream
from estimators.base import Estimator
from estimators.crew import Crew
from schemas import BadJob, BadMessage, Estimates, Frame, Job, Prompt
from schemas.codec import Codec


@dataclass(slots=True, eq=False)
class Asked:
    """A stream's oldest frame on its way through an estimator.

    Attributes:
        stream: Whose it is; not touched on the lane.
        job: As it was known when the frame was taken.
        head: The frame.
        refused: The job's objects that the estimator cannot use, and why; None where it was not prepared yet.
        priors: The stream's last estimates; none in a new run.
        prompts: What was said about the stream since.
        prompt_offset: The next offset to read in the prompts topic once this is answered.
        abandoned: Nobody wants the answer any more: the stream was taken away, or its job changed.
    """

    stream: Stream
    job: Job
    head: PendingFrame
    refused: Mapping[str, str] | None
    priors: Estimates
    prompts: Sequence[Prompt]
    prompt_offset: int
    abandoned: bool = False


@dataclass(slots=True, eq=False)
class Answered:
    """What came of a frame.

    Attributes:
        answer: The estimates of its usable objects, or why there are none.
        refused: See ``Asked``; known now, unless the job is bad.
        captured_ns: The frame's time of capture.
        stage_s: Stage name -> seconds.
    """

    answer: Answer
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    captured_ns: int = 0
    stage_s: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers frames; called from several threads, with different streams.

    Attributes:
        codec: Reads frames.
        crew: Decodes the frames of a call side by side.
        clock: Seconds, monotonic.
        now_ns: Nanoseconds since the Unix epoch.
    """

    codec: Codec
    crew: Crew
    clock: Callable[[], float]
    now_ns: Callable[[], int]

    def work(self, estimator: Estimator, asked: Sequence[Asked]) -> list[Answered]:
        """Answer frames of different jobs in one call of the estimator.

        Raises:
            Overloaded: No room now; ask the same again later.
        """
        answered = [_prepared(estimator, one) for one in asked]
        usable = [at for at, one in enumerate(answered) if not isinstance(one.answer, BadJob)]
        decoded = self.crew.each(self._decoded, [asked[at].head for at in usable])
        questions: dict[int, Question] = {}
        for at, (frame, stage_s) in zip(usable, decoded, strict=True):
            if isinstance(frame, BadMessage):
                answered[at].answer = frame
                continue
            one, refused = asked[at], answered[at].refused
            names = [item.object_id for item in one.job.objects if item.object_id not in refused]
            questions[at] = question(frame, names, one.priors, one.prompts)
            questions[at].stage_s |= stage_s
            answered[at].captured_ns = frame.captured_ns
        for at, found in zip(questions, answer(estimator, list(questions.values())), strict=True):
            answered[at].answer, answered[at].stage_s = found, questions[at].stage_s
        return answered

    def _decoded(self, head: PendingFrame) -> tuple[Frame | BadMessage, dict[str, float]]:
        """A frame, or why it is none, and the seconds until then."""
        started_s = self.clock()
        try:
            frame = self.codec.decode(head.record.value or b"", Frame)
        except BadMessage as error:
            return error, {}
        return frame, self._times(head, started_s)

    def _times(self, head: PendingFrame, started_s: float) -> dict[str, float]:
        """Seconds from publishing to taking (two clocks), waiting here, and decoding."""
        queue_s = started_s - head.received_s
        decode_s = self.clock() - started_s
        age_s = self.now_ns() / 1e9 - head.record.timestamp_ms / 1e3
        return {"transport": max(0.0, age_s - queue_s - decode_s), "queue": queue_s, "decode": decode_s}


def _prepared(estimator: Estimator, one: Asked) -> Answered:
    if one.refused is not None:
        return Answered({}, one.refused)
    try:
        return Answered({}, estimator.prepare(one.job))
    except BadJob as error:
        return Answered(error)
