"""One tree of errors; each class stands for one reaction of the consume loop."""


class PosestreamError(Exception):
    """Every error that posestream raises on purpose.

    Attributes:
        exit_code: Of a process that is stopped by it.
    """

    exit_code = 1


class BadMessage(PosestreamError):
    """A message that can never be handled: it goes to the dead-letter topic with this reason.

    Attributes:
        reason: What was expected and what came; one line.
        stage: Where it was found: ``"decode"``, ``"images"``, ``"frame"`` or ``"request"``.
    """

    def __init__(self, reason: str, stage: str = "decode") -> None:
        super().__init__(reason)
        self.reason = reason
        self.stage = stage


class Overloaded(PosestreamError):
    """No room right now (GPU memory, a full queue): pause, then try the same work again."""


class TrackLost(PosestreamError):
    """An object cannot be followed from its prior: register it again."""


class BadJob(PosestreamError):
    """The job as it was asked for cannot run (no such mesh, wrong units): it fails with this reason."""
