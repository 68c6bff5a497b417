"""Two runs side by side: figures by hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from posestream.compare import NothingToCompare, all_events, compared
from posestream.compare_commands import runs_of
from posestream.compare_plot import CannotPlot, figure, save
from schemas import Estimate, Pose, PoseEvent, SeqRange, State

START_NS = 1_790_000_000_000_000_000
STEP_NS = 33_000_000


def pose(x_m: float, turn_deg: float = 0.0) -> Pose:
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    return Pose(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]), np.array([x_m, 0.0, 0.5]))


def event(run: str, seq: int, estimate: Estimate, *, frame: int | None = None, **more: object) -> PoseEvent:
    captured_ns = START_NS + (seq if frame is None else frame) * STEP_NS
    published_ns = START_NS + 10**12
    times = (captured_ns, published_ns, published_ns + (seq + 1) * 1_000_000)
    stages = {"decode": 0.001, "track": 0.001 * (seq + 1)}
    return PoseEvent("job", run, seq, *times, "geometric", "7", "", {"mug": estimate}, stages, **more)  # type: ignore[arg-type]


def tracked(x_m: float, turn_deg: float = 0.0, score: float = 0.5) -> Estimate:
    return Estimate(pose(x_m, turn_deg), score, State.TRACKED)


LOST = Estimate(pose(9.0), 0.0, State.LOST)


def test_differences_are_over_frames_of_the_same_capture_that_neither_lost() -> None:
    first = [event("a", seq, tracked(0.1 * seq)) for seq in range(4)]
    # the replay began at the first run's frame 1, is 2 mm and 3 degrees off, and lost one
    second = [
        event("b", 0, Estimate(pose(0.102, 3.0), 0.9, State.REGISTERED), frame=1),
        event("b", 1, tracked(0.202, 3.0), frame=2),
        event("b", 2, LOST, frame=3),
    ]
    result = compared(first, second)
    assert (result.matched_by, result.common) == ("captured_ns", 3)
    (mug,) = result.objects
    assert (mug.both, mug.only) == (2, (1, 0))
    assert mug.shift_mm.p50 == pytest.approx(2.0)
    assert mug.turn_deg.p95 == pytest.approx(3.0)
    assert [one.lost for one in mug.runs] == [0.0, pytest.approx(1 / 3)]
    assert [one.registered for one in mug.runs] == [0, 1]
    assert mug.runs[1].score.p50 == pytest.approx(0.7)


def test_what_is_missing_is_told_from_what_was_skipped() -> None:
    events = [
        event("a", 1, tracked(0)),  # 0 is missing
        event("a", 4, tracked(0), skipped=SeqRange(2, 3)),
        event("a", 6, tracked(0)),  # 5 is missing
    ]
    run = compared(events, events).runs[0]
    assert (run.frames, run.skipped, run.missing) == (3, 2, 2)
    assert run.estimator == "geometric 7"
    assert run.step_ms.p50 == pytest.approx(1 + 5)
    assert run.age_ms.p50 == pytest.approx(5)


def test_runs_without_a_common_capture_are_matched_by_number() -> None:
    first = [event("a", seq, tracked(0)) for seq in range(3)]
    second = [event("b", seq, tracked(0.001), frame=seq + 100) for seq in range(3)]
    result = compared(first, second)
    assert (result.matched_by, result.common) == ("seq", 3)
    assert result.objects[0].shift_mm.p50 == pytest.approx(1.0)


def test_an_object_of_one_run_only_has_no_difference() -> None:
    first = [event("a", 0, tracked(0))]
    second = [event("b", 0, LOST)]
    (mug,) = compared(first, second).objects
    assert (mug.both, mug.only, mug.shift_mm.p50, mug.runs[1].score.p50) == (0, (1, 0), None, None)


def test_all_pages_are_read_of_the_run_that_was_newest_at_first() -> None:
    asked: list[tuple[str | None, int]] = []

    def page(_job: str, run: str | None, after_seq: int, limit: int) -> list[PoseEvent]:
        asked.append((run, after_seq))
        return [event("a", seq, LOST) for seq in range(after_seq + 1, min(2001, after_seq + 1 + limit))]

    assert [one.seq for one in all_events(page, "job", None)] == list(range(2001))
    assert asked == [(None, -1), ("a", 999), ("a", 1999)]
    with pytest.raises(NothingToCompare, match=r"job job, run \(newest\): expected pose events"):
        all_events(lambda *_: [], "job", None)


def test_runs_are_named_in_two_ways() -> None:
    assert runs_of(["job", "a", "b"]) == (("job", "a"), ("job", "b"))
    assert runs_of(["one/a", "other"]) == (("one", "a"), ("other", None))
    for wrong in (["job"], ["job", "a/b", "c"], ["a", "b", "c", "d"]):
        with pytest.raises(typer.BadParameter, match="expected JOB RUN_A RUN_B or"):
            runs_of(wrong)


def test_a_plot_shows_scores_and_differences_over_time_with_gaps_where_one_lost_it(tmp_path: Path) -> None:
    first = [event("a", seq, tracked(0.1 * seq, score=0.1 * seq)) for seq in range(4)]
    second = [event("b", 0, tracked(0.102, 3.0), frame=1), event("b", 1, LOST, frame=2)]
    score, shift, turn, _ = figure(first, second).axes
    (at_s, scores), (_, shifts), (_, turns) = (np.array(axes.lines[0].get_data()) for axes in (score, shift, turn))
    np.testing.assert_allclose(at_s, 0.033 * np.array([-1, 0, 1, 2]), atol=1e-9)
    np.testing.assert_allclose(scores, [0.0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(shifts, [2.0, np.nan])
    np.testing.assert_allclose(turns, [3.0, np.nan], atol=1e-6)
    save(first, second, tmp_path / "runs.png")
    picture = cv2.imread(str(tmp_path / "runs.png"))
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10, "it is more than an empty sheet"


def test_a_plot_that_cannot_be_is_told(tmp_path: Path) -> None:
    events = [event("a", 0, tracked(0))]
    with pytest.raises(CannotPlot, match=r"ends in \.png, \.svg, \.pdf, got .*runs\.txt"):
        save(events, events, tmp_path / "runs.txt")
    with pytest.raises(CannotPlot, match=r"away/runs\.png cannot be written"):
        save(events, events, tmp_path / "away" / "runs.png")
    with pytest.raises(NothingToCompare, match="found none"):
        figure(events, [event("b", 1, tracked(0))])
