"""FoundationPose's weights as the user has them: found in a folder, checked, and imported into one of our own."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from estimators.foundationpose.checkpoint import REFINER, SCORER, kind_of, load_strictly, read_state, sha256_of
from estimators.foundationpose.config import NetworkConfig, read_config
from estimators.foundationpose.folder import MANIFEST, default_folder
from estimators.foundationpose.networks import RefineNet, ScoreNet
from schemas import BadJob

CHECKPOINT, CONFIG = "model_best.pth", "config.yml"
_FORMAT = 1
NEEDED = (
    f"FoundationPose needs weights, and none come with posestream. Expected a folder with two runs in it, refiner and "
    f"scorer, each a {CHECKPOINT} beside a {CONFIG}: those published with NVlabs/FoundationPose (their licence allows "
    "research and evaluation only, no commercial use), or your own in the same layout. Then: posestream weights "
    "import FOLDER. The estimator geometric needs no weights"
)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Both networks, in eval mode on the CPU in float32.

    Attributes:
        refiner: Changes poses.
        scorer: Ranks them.
        refiner_config: Of the refiner's inputs.
        scorer_config: Of the scorer's.
        digest: sha256 over the two checkpoint files' sha256, the refiner's first; it does not change by importing.
    """

    refiner: RefineNet
    scorer: ScoreNet
    refiner_config: NetworkConfig
    scorer_config: NetworkConfig
    digest: str


@dataclass(frozen=True, slots=True)
class Found:
    """One network's files: which network, its weights, their sha256 as published, its settings."""

    kind: str
    path: Path
    sha256: str
    config: NetworkConfig


def load_weights(folder: Path | None) -> Weights:
    """The networks from an imported folder, or from one with the two published runs in it.

    Args:
        folder: None for ``default_folder``.

    Raises:
        BadJob: No weights there, of the wrong network, changed since they were imported, or not as expected.
    """
    found = find_weights(folder or default_folder())
    refiner, scorer = RefineNet(found[REFINER].config.rot_numbers), ScoreNet()
    load_strictly(refiner, read_state(found[REFINER].path), str(found[REFINER].path))
    load_strictly(scorer, read_state(found[SCORER].path), str(found[SCORER].path))
    for network in (refiner, scorer):
        network.eval().requires_grad_(False)
    digest = hashlib.sha256((found[REFINER].sha256 + found[SCORER].sha256).encode()).hexdigest()
    return Weights(refiner, scorer, found[REFINER].config, found[SCORER].config, digest)


def import_weights(source: Path, target: Path) -> dict[str, Found]:
    """Check both networks and keep them in a folder of our own, without what training left in the files.

    Returns:
        What was found, by network.

    Raises:
        BadJob: See ``load_weights``.
    """
    from safetensors.torch import save_file

    found = find_weights(source)
    states = {kind: read_state(item.path) for kind, item in found.items()}
    load_strictly(RefineNet(found[REFINER].config.rot_numbers), states[REFINER], str(found[REFINER].path))
    load_strictly(ScoreNet(), states[SCORER], str(found[SCORER].path))
    target.mkdir(parents=True, exist_ok=True)
    entries: dict[str, Any] = {}
    for kind, state in states.items():
        path = target / f"{kind}.safetensors"
        part = path.with_suffix(".part")
        save_file({key: value.contiguous() for key, value in state.items()}, part)
        part.replace(path)
        entries[kind] = {
            "file": path.name,
            "sha256": sha256_of(path),
            "checkpoint_sha256": found[kind].sha256,
            "config": asdict(found[kind].config),
        }
    manifest = target / MANIFEST
    manifest.with_suffix(".part").write_text(json.dumps({"format": _FORMAT, "networks": entries}, indent=1) + "\n")
    manifest.with_suffix(".part").replace(manifest)
    return found


def find_weights(folder: Path) -> dict[str, Found]:
    """Both networks' files in a folder, by kind.

    Raises:
        BadJob: None or one of them is there, or one of them twice.
    """
    items = list(_imported(folder) if (folder / MANIFEST).is_file() else _published(folder))
    found: dict[str, Found] = {}
    for item in items:
        if item.kind in found:
            msg = f"{folder}: expected one {item.kind}, got {found[item.kind].path} and {item.path}"
            raise BadJob(msg)
        found[item.kind] = item
    for kind in (REFINER, SCORER):
        if kind not in found:
            came = ", ".join(str(item.path) for item in items) or "neither"
            msg = f"weights in {folder}: expected refiner and scorer, got {came}. {NEEDED}"
            raise BadJob(msg)
    return found


def _published(folder: Path) -> Iterator[Found]:
    """Checkpoints as they are published: the file and its settings side by side, in the folder or below it."""
    for path in sorted({*folder.glob(CHECKPOINT), *folder.glob(f"*/{CHECKPOINT}"), *folder.glob(f"*/*/{CHECKPOINT}")}):
        kind = kind_of(read_state(path), str(path))
        config = read_config(path.with_name(CONFIG), refiner=kind == REFINER)
        yield Found(kind, path, sha256_of(path), config)


def _imported(folder: Path) -> Iterator[Found]:
    """What ``import_weights`` wrote."""
    manifest = folder / MANIFEST
    try:
        content = json.loads(manifest.read_text())
        if content["format"] != _FORMAT:
            msg = f"{manifest}: expected format {_FORMAT}, got {content['format']!r}; import the weights again"
            raise BadJob(msg)
        entries = content["networks"].items()
        items = [
            (
                entry["sha256"],
                Found(kind, folder / entry["file"], entry["checkpoint_sha256"], NetworkConfig(**entry["config"])),
            )
            for kind, entry in entries
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{manifest}: expected what posestream weights import writes, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
    for sha256, item in items:
        if not item.path.is_file() or sha256_of(item.path) != sha256:
            msg = f"{item.path}: expected sha256 {sha256} as imported, got another file or none; import it again"
            raise BadJob(msg)
        yield item
