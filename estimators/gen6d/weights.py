"""Gen6D's weights as the user has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import nn

from estimators.gen6d.detector import Detector
from estimators.gen6d.refiner import Refiner
from estimators.gen6d.selector import Selector
from estimators.weights.files import CHECKPOINT, Family, load
from estimators.weights.place import chosen_folder

DETECTOR, SELECTOR, REFINER = "detector", "selector", "refiner"
NAME = "gen6d"
NEEDED = (
    "Gen6D needs weights, and none come with posestream. Expected a folder with three runs in it, detector, selector "
    f"and refiner, each a folder with a {CHECKPOINT}: those published with liuyuan-pal/Gen6D (detector_pretrain, "
    "selector_pretrain, refiner_pretrain; no licence is stated for them, the code beside them is GPL-3.0), or your own "
    "in the same layout. Then: posestream weights import FOLDER"
)
_NETWORKS: dict[str, type[nn.Module]] = {DETECTOR: Detector, SELECTOR: Selector, REFINER: Refiner}


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The three networks, in eval mode on the CPU in float32.

    Attributes:
        detector: Finds an object in a picture.
        selector: Finds the reference it looks most like.
        refiner: Changes poses.
        digest: sha256 over the three checkpoint files' sha256, in this order; it does not change by importing.
    """

    detector: Detector
    selector: Selector
    refiner: Refiner
    digest: str


def _settings(_path: Path, _kind: str) -> dict[str, Any]:
    return {}  # nothing differs between published checkpoints


def _network(kind: str, settings: dict[str, Any]) -> nn.Module:
    return _NETWORKS[kind](**settings)


FAMILY = Family(
    NAME,
    "Gen6D",
    {
        DETECTOR: "score_conv.0.weight",
        SELECTOR: "view_point_encoder.0.weight",
        REFINER: "volume_net.conv0.0.weight",
    },
    NEEDED,
    _settings,
    _network,
    prefix="gen6d-",
)


def load_weights(folder: Path | None) -> Weights:
    """The networks from an imported folder, or from one with the three published runs in it.

    Args:
        folder: See ``place.chosen_folder``.

    Raises:
        BadJob: No weights there, of the wrong network, changed since they were imported, or not as expected.
    """
    networks, _, digest = load(FAMILY, chosen_folder(NAME, folder))
    return Weights(
        cast("Detector", networks[DETECTOR]),
        cast("Selector", networks[SELECTOR]),
        cast("Refiner", networks[REFINER]),
        digest,
    )
