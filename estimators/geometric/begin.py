"""The first estimate of an object: from a registration, or from a pose that is known from outside."""

from dataclasses import replace

from estimators.geometric.fit import fit
from estimators.geometric.fit_by_picture import fit_by_picture
from estimators.geometric.given import measured
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.register import Registration
from estimators.geometric.rivals import steps_to
from estimators.geometric.score import score_of
from estimators.geometric.track_by_picture import remembering
from estimators.geometric.trust import TRUSTED, trusted
from estimators.rendering import Renderer
from schemas import Estimate, Frame, Pose, State


def first_estimate(model: ObjectModel, found: Registration | None, frame: Frame) -> Estimate:
    """The estimate of a registration, lost where nothing was found."""
    if found is None:
        return Estimate(None, 0.0, State.LOST, memory=Memory(captured_ns=frame.captured_ns).pack())
    evidence, at = found.fit.evidence, found.fit.placement
    score = score_of(evidence, Memory(likeness=evidence.likeness))
    pose = at.pose(model.center_m)
    memory = trusted(Memory(captured_ns=frame.captured_ns), pose, score, evidence)
    memory = replace(memory, rivals=steps_to(at, found.rivals), rivals_view=at.view)
    return Estimate(pose, score, State.REGISTERED, found.fit.covariance, memory.pack())


def adopted(model: ObjectModel, given: Pose, frame: Frame, images: FrameImages, renderer: Renderer) -> Estimate:
    """The estimate of a frame in which the pose is known from outside: that pose, and how well the frame shows it."""
    memory = Memory(captured_ns=frame.captured_ns, rotation=given.rotation, translation_m=given.translation_m)
    at, images = Placement.of(given, model.center_m), images.used(depth=model.parts.depth)
    refine = fit if images.sees_depth else fit_by_picture
    found = refine(model, at, images, renderer, coarse=False)
    if found is None:
        return Estimate(given, 0.0, State.REGISTERED, memory=memory.pack())
    score = score_of(found.evidence, Memory(likeness=found.evidence.likeness))
    if score >= TRUSTED:
        memory = trusted(memory, found.placement.pose(model.center_m), score, found.evidence)
        memory = measured(memory, at, found, model.mesh.diameter_m)
        if not images.sees_depth:
            memory = remembering(model, memory, found, images, sure=True)
    return Estimate(given, score, State.REGISTERED, found.covariance, memory.pack())
