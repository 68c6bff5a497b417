"""What a worker tells of its estimators, without importing them."""

import hashlib
import json
from pathlib import Path

import pytest

from estimators.catalogue import NETWORKS, catalogue
from estimators.geometric import GeometricEstimator
from estimators.registry import names
from estimators.versions import VERSIONS


def test_every_estimator_is_told_with_the_version_of_its_events(tmp_path: Path) -> None:
    found = {offer.name: offer for offer in catalogue(tmp_path)}
    assert sorted(found) == names() == sorted(VERSIONS)
    assert found["geometric"].version == GeometricEstimator.version
    assert (found["geometric"].digest, found["geometric"].missing) == ("", "")


def test_weights_that_are_missing_are_named_and_imported_ones_have_their_digest(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    assert {offer.missing for offer in catalogue(tmp_path)} == {"", "weights: posestream weights import"}
    shas = {kind: hashlib.sha256(kind.encode()).hexdigest() for kind in reversed(NETWORKS["gen6d"])}
    networks = {kind: {"checkpoint_sha256": sha} for kind, sha in shas.items()}
    (tmp_path / "gen6d.json").write_text(json.dumps({"networks": networks}))
    (gen6d,) = [offer for offer in catalogue(tmp_path) if offer.name == "gen6d"]
    in_order = shas["detector"] + shas["selector"] + shas["refiner"]
    assert (gen6d.digest, gen6d.missing) == (hashlib.sha256(in_order.encode()).hexdigest(), "")
    (tmp_path / "gen6d.json").write_text('{"networks": {"detector": 7}}')
    assert [offer.digest for offer in catalogue(tmp_path)] == ["", "", ""]


def test_the_digest_goes_by_the_order_of_the_estimators_own_networks() -> None:
    pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    from estimators.foundationpose.weights import FAMILY as FOUNDATIONPOSE
    from estimators.gen6d.weights import FAMILY as GEN6D

    assert {one.estimator: tuple(one.tells) for one in (FOUNDATIONPOSE, GEN6D)} == NETWORKS
