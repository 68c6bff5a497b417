"""The whole job as users start it: servers, sink, worker, producer and page as processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from posestream.stack import Addresses

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_recordings = pytest.mark.skipif(not DATA.is_dir(), reason=f"recordings are not at {DATA}")


def demo(stack: Addresses, source: str, *options: str) -> dict[str, Any]:
    """The summary of ``posestream demo --json`` on the servers of the tests."""
    out = subprocess.run(
        [sys.executable, "-m", "posestream", "demo", "--json", "--port", "0", "--source", source, *options],
        env=os.environ | stack.as_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert out.returncode == 0, out.stderr
    assert "live page: http://127.0.0.1:" in out.stderr.replace("\n", "")
    return json.loads(out.stdout)


def complete(summary: dict[str, Any], frames: int) -> None:
    """Every frame has exactly one event and one row, in order, and nothing was skipped."""
    counts = [summary[name] for name in ("frames_in", "events", "rows", "skipped", "in_order")]
    assert counts == [frames, frames, frames, 0, True]


def test_the_demo_answers_every_frame_of_its_clip_and_knows_how_well(stack: Addresses) -> None:
    summary = demo(stack, "synthetic:?frames=60")
    complete(summary, 60)
    (box,) = summary["accuracy"]
    assert (box["lost_frames"], box["registrations"]) == (0, 1)
    assert box["add_s_auc"] > 0.97
    assert box["add_mm"] < 5
    assert {"decode", "register", "track"} <= summary["stage_p50_ms"].keys()
    assert 0 < summary["age_p50_ms"] <= summary["age_p99_ms"]
    assert summary["first_pose_s"] > 0


@needs_recordings
def test_desk_cube_goes_through_within_6_mm_and_3_degrees_of_the_truth(stack: Addresses) -> None:
    summary = demo(stack, f"bop:{DATA / 'desk_cube'}")
    complete(summary, 99)
    (cube,) = summary["accuracy"]
    assert (cube["lost_frames"], cube["registrations"]) == (0, 1)
    assert cube["median_mm"] <= 6
    assert cube["median_deg"] <= 3


@needs_recordings
def test_four_objects_of_ycbv_go_through_with_an_area_of_at_least_0_9(stack: Addresses) -> None:
    summary = demo(stack, f"bop:{DATA / 'ycbv_0001'}?objects=1,2,3,5")
    complete(summary, 20)
    areas = [one["add_s_auc"] for one in summary["accuracy"]]
    assert len(areas) == 4
    assert sum(areas) / 4 >= 0.90
    assert [one["registrations"] for one in summary["accuracy"]] == [1, 1, 1, 1]


def test_a_service_that_fails_ends_the_demo_with_its_reason(stack: Addresses) -> None:
    out = subprocess.run(
        [sys.executable, "-m", "posestream", "demo", "--source", "synthetic:?level=impossible"],
        env=os.environ | stack.as_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert out.returncode == 1
    assert "expected level to be one of easy, medium, hard, got 'impossible'" in out.stderr
