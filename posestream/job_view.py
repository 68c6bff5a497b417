"""A job, its state and its progress, for people and programs."""

from typing import Any

from rich.table import Table

from consumers.ledger import Ledger
from schemas import Heartbeat, Job, JobProgress, MemberKind

_SAME = (
    *("id", "pool", "estimator", "estimator_version", "mode", "partition", "priority", "deadline_s"),
    *("retries", "attempt", "wanted"),
)


def job_view(ledger: Ledger, job: Job) -> dict[str, Any]:
    """A job as JSON.

    ``state`` is ``unknown`` where nothing was heard of it for long; ``progress`` and ``producer`` are null where no
    worker or producer of it lives.
    """
    told = ledger.told.get(job.id)
    objects = [
        {name: getattr(item, name) for name in ("object_id", "model_uri", "model_unit_m")} for item in job.objects
    ]
    return {name: getattr(job, name) for name in _SAME} | {
        "objects": objects,
        "options": dict(job.options),
        "state": ledger.state(job.id) or "unknown",
        "reason": told.reason if told else "",
        "progress": _progress(ledger.alive(MemberKind.WORKER, job.pool), job.id),
        "producer": _progress(ledger.alive(MemberKind.PRODUCER, job.pool), job.id),
    }


def as_table(views: list[dict[str, Any]]) -> Table:
    """Jobs as a table."""
    table = Table("job", "state", "frame", "frames/s", "waiting", "pool", "partition", "priority", "estimator", "mode")
    for view in views:
        progress, fed = view["progress"], view["producer"]
        frame, rate, waiting = "", "", ""
        if progress is not None and progress["run_id"]:
            of = f" of {fed['total']}" if fed and fed["total"] else ""
            frame, rate, waiting = f"{progress['seq']}{of}", f"{progress['rate_hz']:.1f}", str(progress["waiting"])
        numbers = (str(view["partition"]), str(view["priority"]))
        state = str(view["state"])
        table.add_row(
            view["id"], state, frame, rate, waiting, view["pool"], *numbers, view["estimator"], str(view["mode"])
        )
    table.caption = ", ".join(f"{view['id']}: {view['reason']}" for view in views if view["state"] == "failed") or None
    return table


def _progress(members: list[Heartbeat], job_id: str) -> dict[str, Any] | None:
    """What the member says that beat last; two hold a job for a moment when it moves."""
    found: list[tuple[int, str, JobProgress]] = [
        (beat.at_ns, beat.member_id, one) for beat in members for one in beat.jobs if one.job_id == job_id
    ]
    if not found:
        return None
    _, member, newest = max(found, key=lambda item: item[0])
    same = {name: getattr(newest, name) for name in ("run_id", "seq", "total", "rate_hz", "waiting")}
    return same | {"member": member}
