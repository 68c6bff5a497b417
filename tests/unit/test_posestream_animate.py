"""The animated picture of a tracked recording."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from posestream.animate import animate
from posestream.evaluate import EvaluationError


def nothing(_done: int, _total: int) -> None:
    """No progress is wanted."""


def test_a_clip_becomes_a_moving_picture_with_a_drawn_outline(tmp_path: Path) -> None:
    to = tmp_path / "clip.gif"
    assert animate("synthetic:?frames=6", to, "geometric", 160, 10.0, 2, nothing) == 3
    with Image.open(to) as picture:
        assert sum(1 for _ in ImageSequence.Iterator(picture)) == 3
        assert picture.width == 160
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0)
    assert ((red > 200) & (green > 150) & (green < 235) & (blue < 90)).any()  # the outline's yellow


@pytest.mark.parametrize(("name", "width_px"), [("clip.mp4", 160), ("clip.gif", 2)])
def test_what_cannot_be_written_is_said_before_any_work(tmp_path: Path, name: str, width_px: int) -> None:
    with pytest.raises(EvaluationError, match="expected"):
        animate("synthetic:", tmp_path / name, "geometric", width_px, 10.0, 1, nothing)
