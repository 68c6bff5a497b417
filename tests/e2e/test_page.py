"""The live page in a real browser, on the real stack, while the demo streams."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from estimators.mesh import load_object
from posestream.stack import Addresses
from producers.sources.open import open_source
from tests.e2e.canvas import frame_corner, shown_on, silhouette

pytestmark = [pytest.mark.integration, pytest.mark.e2e]

SOURCE = "synthetic:?frames=4000&seed=2"  # longer than these tests take


@pytest.fixture(scope="module")
def page_address(stack: Addresses) -> Iterator[str]:
    """A demo that goes on streaming until the tests are done."""
    with tempfile.TemporaryFile("w+") as said:
        demo = subprocess.Popen(
            [sys.executable, "-m", "posestream", "demo", "--keep", "--port", "0", "--rate", "10", "--source", SOURCE],
            env=os.environ | stack.as_environment(),
            stdout=subprocess.DEVNULL,
            stderr=said,
            text=True,
        )
        try:
            yield wait_for_address(demo, said)
        finally:
            demo.send_signal(signal.SIGTERM)
            ended = demo.wait(60)
            said.seek(0)
            assert ended == 0, said.read()


def wait_for_address(demo: subprocess.Popen[str], said: Any) -> str:
    deadline_s = time.monotonic() + 90
    while time.monotonic() < deadline_s:
        said.seek(0)
        text = said.read()
        assert demo.poll() is None, text
        if (found := re.search(r"live page: (http://127\.0\.0\.1:\d+/#job=\S+)", text)) and "first pose" in text:
            return found[1]
        time.sleep(0.1)
    pytest.fail(f"no pose within 90 s; the demo said:\n{text}")


@pytest.fixture
def page(browser: Browser, page_address: str) -> Iterator[tuple[Page, list[str]]]:
    """The open page and what its console complained about."""
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1360, "height": 860})
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(page_address)
    yield page, problems
    page.close()


def test_the_page_shows_the_frame_with_its_outline_score_and_age(page: tuple[Page, list[str]], tmp_path: Path) -> None:
    shown, problems = page
    expect(shown.locator("#view[data-posed=yes]")).to_be_visible(timeout=30_000)
    expect(shown.locator("#connection")).to_have_text("live")
    card = shown.locator('[data-object="obj_000001"]')
    expect(card).to_have_attribute("data-state", "tracked", timeout=20_000)
    assert float(card.locator(".score").inner_text()) > 0.5
    expect(shown.locator("#age")).to_have_text(re.compile(r"^\d+ ms$|^\d+\.\d s$"))
    shares = [outline_shares(shown) for _ in range(3)]
    shown.screenshot(path=tmp_path / "page.png")
    near, covered = max(shares, key=min)  # the mesh may come after the first frames
    assert near > 0.95, f"outline pixels off the object's silhouette; {tmp_path / 'page.png'}"
    assert covered > 0.9, f"silhouette without outline; {tmp_path / 'page.png'}"
    assert problems == []


def outline_shares(page: Page) -> tuple[float, float]:
    """Share of outline pixels within 5 px of the true silhouette, and of the silhouette within 5 px of an outline."""
    page.wait_for_timeout(300)
    found = shown_on(page)
    outline = found.outline("tracked")
    source = open_source(SOURCE)
    camera, scale = source.camera, outline.shape[1] / source.camera.width
    mesh = load_object(source.objects[0])
    mask = silhouette(mesh, source.truth(found.seq)["obj_000001"], camera, outline.shape)
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    to_edge = cv2.distanceTransform(1 - edge, cv2.DIST_L2, 5)
    to_outline = cv2.distanceTransform(1 - outline, cv2.DIST_L2, 5)
    reach_px = 5 * scale
    if not outline.any():
        return 0.0, 0.0
    return float((to_edge[outline > 0] <= reach_px).mean()), float((to_outline[edge > 0] <= reach_px).mean())


def test_an_object_is_pointed_at_and_forgotten(page: tuple[Page, list[str]], page_address: str) -> None:
    shown, problems = page
    card = shown.locator('[data-object="obj_000001"]')
    expect(card).to_have_attribute("data-state", "tracked", timeout=30_000)
    shown.get_by_role("button", name="Point at it: obj_000001").click()
    camera = open_source(SOURCE).camera
    x, y, scale = frame_corner(shown, camera)
    shown.mouse.move(x + 0.3 * camera.width * scale, y + 0.2 * camera.height * scale)
    shown.mouse.down()
    shown.mouse.move(x + 0.7 * camera.width * scale, y + 0.8 * camera.height * scale, steps=4)
    seq = int(shown.locator("#view").get_attribute("data-seq") or 0)
    with shown.expect_response("**/prompts") as answer:
        shown.mouse.up()
    assert answer.value.status == 202
    wait_for_registration(page_address, seq)
    shown.get_by_role("button", name="Point at it: obj_000001").click()
    shown.keyboard.press("Shift+ArrowRight")
    shown.keyboard.press("Escape")
    expect(shown.locator("#pointer")).to_be_hidden()
    with shown.expect_response("**/prompts") as answer:
        shown.get_by_role("button", name="Forget: obj_000001").click()
    assert answer.value.status == 202
    assert problems == []


def wait_for_registration(page_address: str, after_seq: int) -> None:
    """Until the job has one behind a frame."""
    job = urllib.parse.urlsplit(page_address).fragment.removeprefix("job=")
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        for run in json.loads(asked(page_address, f"/api/jobs/{job}"))["runs"]:
            poses = json.loads(asked(page_address, f"/api/jobs/{job}/poses?run={run['run']}&after_seq={after_seq}"))
            if any(one["objects"]["obj_000001"]["state"] == "registered" for one in poses):
                return
        time.sleep(0.3)
    pytest.fail("not registered again within 30 s")


def asked(page_address: str, path: str) -> bytes:
    with urllib.request.urlopen(own(page_address, path), timeout=10) as answer:
        found: bytes = answer.read()
        return found


def test_a_job_is_paused_and_goes_on(page: tuple[Page, list[str]]) -> None:
    shown, problems = page
    status = shown.locator("#job-status")
    expect(status).to_have_text("processing", timeout=30_000)
    shown.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("paused", timeout=10_000)
    shown.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("processing", timeout=10_000)
    seq = shown.locator("#view").get_attribute("data-seq") or ""
    expect(shown.locator("#view")).not_to_have_attribute("data-seq", seq, timeout=20_000)
    assert problems == []


def test_where_there_are_accounts_one_logs_in(
    browser: Browser, page_address: str, stack: Addresses, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of this test, and longer than 32 bytes")
    secret.chmod(0o600)
    environment = os.environ | stack.as_environment()
    command = [sys.executable, "-m", "posestream"]
    password = "a long enough password"  # noqa: S105 - of this test
    options = ["sink", "--no-write", "--accounts", "--secret-file", str(secret), "--port", "0"]
    with subprocess.Popen([*command, *options], env=environment, stderr=subprocess.PIPE, text=True) as sink:
        assert sink.stderr is not None
        found = next(one for line in sink.stderr if (one := re.search(r"http://127\.0\.0\.1:\d+/", line)))
        asked = [*command, "user", "set-password", "admin", "--stdin"]
        subprocess.run(asked, env=environment, input=password, text=True, check=True, capture_output=True)
        shown = browser.new_page()
        shown.goto(f"{found[0]}#{urllib.parse.urlsplit(page_address).fragment}")
        for attempt, told in (("wrong", "expected"), (password, "")):
            shown.get_by_role("textbox", name="Name", exact=True).fill("admin")
            shown.get_by_label("Password").fill(attempt)
            shown.get_by_role("button", name="Log in").click()
            if told:
                expect(shown.get_by_role("alert")).not_to_be_empty()
        expect(shown.locator("#who-name")).to_have_text("admin")
        expect(shown.locator("#view[data-posed=yes]")).to_be_visible(timeout=30_000)
        shown.get_by_role("button", name="Log out").click()
        expect(shown.get_by_role("heading", name="Log in")).to_be_visible()
        shown.close()
        sink.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(browser: Browser, page_address: str, scheme: Any) -> None:
    shown = browser.new_page(viewport={"width": 1360, "height": 1000}, color_scheme=scheme)
    shown.goto(page_address)
    expect(shown.locator("#view[data-posed=yes]")).to_be_visible(timeout=30_000)
    expect(shown.locator("#timeline")).to_be_visible()
    found = Axe().run(shown)
    assert found.violations_count == 0, found.generate_report()
    shown.close()


def test_the_page_comes_back_by_itself_when_the_connection_breaks(page: tuple[Page, list[str]]) -> None:
    shown, _ = page
    expect(shown.locator("#view[data-posed=yes]")).to_be_visible(timeout=30_000)
    shown.context.set_offline(True)
    shown.evaluate("() => performance.now()")
    shown.context.set_offline(False)
    before = shown.locator("#view").get_attribute("data-seq")
    expect(shown.locator("#view")).not_to_have_attribute("data-seq", before or "", timeout=20_000)


def own(page_address: str, path: str) -> str:
    return urllib.parse.urljoin(page_address, path)


def test_a_foreign_page_is_refused(page_address: str) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(own(page_address, "/api/jobs"), headers=headers), timeout=10)


def test_metrics_are_served(page_address: str) -> None:
    text = asked(page_address, "/metrics").decode()
    stored = re.search(r"^posestream_sink_\w*events\w* (\d+)", text, re.MULTILINE)
    assert stored is not None, text
    assert float(stored[1]) > 0
