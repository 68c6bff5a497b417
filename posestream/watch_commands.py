"""``posestream watch``: what happens to a job, line by line."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from posestream.watch import JobWatch, News
from schemas import PoseEvent

TOKEN = "POSESTREAM_TOKEN"  # noqa: S105 - the name of a variable


def watch(
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="the job's id")],
    address: Annotated[
        str, typer.Option(envvar="POSESTREAM_ADDRESS", help="of posestream sink")
    ] = "http://127.0.0.1:8080",
    token_file: Annotated[
        Path | None, typer.Option(help=f"file with an API key, for a service with accounts; default: ${TOKEN}")
    ] = None,
    poses: Annotated[bool, typer.Option(help="poses too, not only status")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON document a line")] = False,
) -> None:
    """Follow a job's poses and status until Ctrl-C; goes on where the connection ends."""
    token = token_file.read_text().strip() if token_file else os.environ.get(TOKEN, "")
    for news in JobWatch(address, job_id, token):
        if isinstance(news, PoseEvent) and not poses:
            continue
        typer.echo(json.dumps(_as_json(news)) if as_json else _line(news))


def _line(news: News) -> str:
    if not isinstance(news, PoseEvent):
        at = datetime.fromtimestamp(news.at_ns / 1e9, UTC)
        return f"{at:%H:%M:%S.%f} {news.kind.value} {news.status} {news.reason}".rstrip()
    at = datetime.fromtimestamp(news.captured_ns / 1e9, UTC)
    shown = ", ".join(f"{name} {one.state.value} {one.score:.2f}" for name, one in news.estimates.items())
    return f"{at:%H:%M:%S.%f} {news.run_id}/{news.seq} {shown}"


def _as_json(news: News) -> dict[str, Any]:
    if not isinstance(news, PoseEvent):
        frames = None if news.frames is None else [news.frames.first, news.frames.last]
        said = {name: getattr(news, name) for name in ("job_id", "run_id", "at_ns", "status", "reason")}
        return said | {"kind": news.kind.value, "frames": frames}
    objects: dict[str, Any] = {}
    for name, one in news.estimates.items():
        pose = one.cam_from_obj
        objects[name] = {
            "state": one.state.value,
            "score": one.score,
            "cam_from_obj": None if pose is None else pose.matrix().tolist(),
        }
    same = {name: getattr(news, name) for name in ("job_id", "run_id", "seq", "captured_ns", "produced_ns")}
    return same | {"objects": objects}
