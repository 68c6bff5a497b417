"""What an operator does on the page, from the log-in to the end of a job, over a real recording."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from estimators.mesh import load_object
from posestream.stack import Addresses
from producers.sources.open import open_source
from tests.e2e.canvas import frame_corner, iou, shown_on, silhouette
from tests.integration.databases import new_database

pytestmark = [pytest.mark.integration, pytest.mark.e2e]

RECORDING = Path(__file__).parents[3] / "shared" / "data" / "ycbv_0001"
OBJECT = "obj_000002"  # the cracker box: colour and truth are 2 to 3 px apart here, which counts for more in small ones
PASSWORD = "a long enough password"  # noqa: S105 - of this test
ARTEFACTS = Path(__file__).with_name("artefacts")
PATIENCE_MS = 120_000  # for all that is waited for: other tests may have the machine
POSESTREAM = (sys.executable, "-m", "posestream")


@dataclass
class Service:
    """A sink with accounts and a folder for meshes, a worker, and an operator called ann."""

    folder: Path
    environment: dict[str, str]
    address: str = ""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def start(self, *command: str) -> Path:
        """Start it; where its log is."""
        log = self.folder / f"{command[0]}.log"
        with log.open("w") as file:
            self.started.append(
                subprocess.Popen([*POSESTREAM, *command], env=self.environment, stderr=file, stdout=file)
            )
        return log

    def call(self, *command: str, said: str = "") -> None:
        subprocess.run(
            [*POSESTREAM, *command], env=self.environment, input=said, text=True, check=True, capture_output=True
        )

    def stop(self) -> None:
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.started):
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:  # a worker on a machine that has no time for it
                process.kill()
                process.wait()


def until(holds: Callable[[], Any], what: str, limit_s: float = 30.0) -> Any:
    deadline_s = time.monotonic() + limit_s
    while not (found := holds()):
        assert time.monotonic() < deadline_s, f"{what}: not within {limit_s:.0f} s"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def database(stack: Addresses) -> Iterator[str]:
    with new_database(stack, "operator") as address:
        yield address


@pytest.fixture(scope="module")
def service(stack: Addresses, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("operator")
    secret = folder / "secret"
    secret.write_text("of this test, and longer than 32 bytes")
    secret.chmod(0o600)
    own = {"POSESTREAM_DATABASE": database, "POSESTREAM_GROUP": folder.name}
    made = Service(folder, os.environ | stack.as_environment() | own)
    try:
        options = ("--accounts", "--secret-file", str(secret), "--port", "0", "--mesh-folder", str(folder / "meshes"))
        log = made.start("sink", *options)
        made.start("track")
        found = until(lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()), "a page", 120)
        made.address = found[0]
        made.call("user", "add", "ann", "--role", "operator")
        made.call("user", "set-password", "ann", "--stdin", said=PASSWORD)
        yield made
    finally:
        made.stop()
        for log in sorted(folder.glob("*.log")):
            sys.stderr.write(f"== {log.name}\n{log.read_text()}")  # pytest shows it where a test fails


@dataclass
class Desk:
    """The page in front of the operator, what its console complained about, and where pictures of it are kept."""

    page: Page
    problems: list[str]

    def keep(self, name: str) -> None:
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


@pytest.fixture
def desk(browser: Browser, service: Service) -> Iterator[Desk]:
    """Logged in."""
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(service.address)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()  # told by a 401, which the console shows
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.get_by_role("textbox", name="Name", exact=True).fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#who-name")).to_have_text("ann")
    yield Desk(page, problems)
    expect.set_options(timeout=5_000)  # as it was
    page.close()


def accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def upload(page: Page, file: Path, unit: str) -> None:
    page.get_by_label("File").set_input_files(file)
    page.get_by_label(unit, exact=True).check()
    page.get_by_role("button", name="Upload").click()


def make_job(desk: Desk) -> str:
    """Upload the mesh, and make a job of it; its name."""
    page, name = desk.page, f"ycbv-{uuid.uuid4().hex[:8]}"
    page.get_by_role("link", name="New job").click()
    accessible(page)
    upload(page, RECORDING / "models" / f"{OBJECT}.ply", "millimetres")
    expect(page.locator("#new-job [data-part=uploaded]")).to_contain_text("faces")
    desk.keep("1-new-job")
    page.get_by_label("Name of the job").fill(name)
    page.get_by_label("Name of the object").fill(OBJECT)
    page.get_by_label("Mode").select_option("all")
    page.get_by_role("button", name="Create job").click()
    expect(page.locator("#job-name")).to_have_text(name)
    return name


def likeness(page: Page) -> float:
    """IoU of what the outline encloses with the silhouette at the recording's true pose of the same frame."""
    source, shown = open_source(f"bop:{RECORDING}"), shown_on(page)
    item = next(one for one in source.objects if one.object_id == OBJECT)
    seen = silhouette(load_object(item), source.truth(shown.seq)[OBJECT], source.camera, shown.rgb.shape)
    return iou(shown.enclosed(source.camera), seen)


def point_at_it(desk: Desk) -> None:
    """Draw a box about the object, as the recording's first mask has it."""
    page, source = desk.page, open_source(f"bop:{RECORDING}")
    masks = next(iter(source.shots())).masks
    assert masks is not None
    rows, columns = np.nonzero(masks[OBJECT])
    page.get_by_role("button", name=f"Point at it: {OBJECT}").click()
    x, y, scale = frame_corner(page, source.camera)
    page.mouse.move(x + columns.min() * scale, y + rows.min() * scale)
    page.mouse.down()
    page.mouse.move(x + (columns.max() + 1) * scale, y + (rows.max() + 1) * scale, steps=4)
    desk.keep("4-box")
    with page.expect_response("**/prompts") as answer:
        page.mouse.up()
    assert answer.value.status == 202


def play_again(desk: Desk) -> list[float]:
    """Play what is stored; the likeness of some of the frames that are shown."""
    page, found, seqs = desk.page, list[float](), set[str]()
    form = page.locator("#again")
    form.get_by_label("From frame").fill("0")
    form.get_by_label("Speed").select_option("0.25")
    form.get_by_role("button", name="Play again").click()
    expect(page.locator("#view[data-played=yes]")).to_be_visible()
    while form.get_by_role("button", name="Back to live").is_visible():
        seq = page.locator("#view").get_attribute("data-seq") or ""
        if seq not in seqs:
            seqs.add(seq)
            found.append(likeness(page))
            desk.keep("3-played-again")
    expect(form.get_by_role("status")).to_have_text(re.compile(r"^\d+ frames played\.$"))
    expect(page.locator("#view[data-played=no]")).to_be_visible()  # the newest is back
    return found


@pytest.mark.skipif(not RECORDING.is_dir(), reason=f"no recording at {RECORDING}")
def test_an_operator_uploads_a_mesh_and_follows_a_job_to_its_end(
    desk: Desk, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    page, status = desk.page, desk.page.locator("#job-status")
    name = make_job(desk)
    service.start("produce", name, f"bop:{RECORDING}", "--rate", "0.1")  # 200 s: paused long before they are over
    card = page.locator(f'[data-object="{OBJECT}"]')
    expect(card).to_have_attribute("data-state", "tracked")
    page.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("paused")
    expect(page.locator("#view[data-outlined=yes]")).to_be_visible()  # the mesh comes a little later
    seen = likeness(page)
    desk.keep("2-outline")
    accessible(page)
    again = play_again(desk)
    point_at_it(desk)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#moments")).to_contain_text("found again")  # by the box
    page.get_by_role("button", name="Cancel").click()
    expect(status).to_have_text("cancelled")
    desk.keep("5-cancelled")
    with capsys.disabled():
        likenesses = f"live {seen:.3f}, again {min(again, default=0):.3f}"
        sys.stderr.write(f"\nscreenshots in {ARTEFACTS}; IoU {likenesses}\n")
    assert again
    assert min(seen, *again) >= 0.85
    assert desk.problems == []


def test_an_upload_that_is_cut_goes_on_and_what_is_no_mesh_is_said(desk: Desk, tmp_path: Path) -> None:
    page, offsets = desk.page, list[str]()
    page.set_viewport_size({"width": 390, "height": 800})  # a phone
    page.get_by_role("link", name="New job").click()
    alert = page.get_by_role("form", name="Upload a mesh").get_by_role("alert")
    (tmp_path / "ball.txt").write_text("no mesh")
    upload(page, tmp_path / "ball.txt", "metres")
    expect(alert).to_have_text("ball.txt: expected a file that ends in .ply, .obj, .glb.")
    (tmp_path / "bad.ply").write_text("no mesh")
    upload(page, tmp_path / "bad.ply", "metres")
    expect(alert).to_contain_text("not readable as PLY")

    def cut_once(route: Route) -> None:
        offsets.append(route.request.url.rpartition("=")[2])
        route.abort() if len(offsets) == 2 else route.continue_()

    page.route("**/bytes?*", cut_once)
    (tmp_path / "ball.ply").write_bytes(trimesh.creation.icosphere(6, 0.1).export(file_type="ply"))
    upload(page, tmp_path / "ball.ply", "metres")
    expect(page.locator("#new-job [data-part=uploaded]")).to_contain_text("81920 faces, 200 mm")
    assert offsets == ["0", str(1 << 20), str(1 << 20)]  # the piece that was cut is sent again, no other
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), "wider than a phone"
    desk.keep("6-phone")
