// The live page: chooses a job, listens, and shows what comes.

import { Account } from "./account.js";
import { Connection } from "./connection.js";
import { Objects, Stages, element, say, showJobs } from "./panels.js";
import { Pointer } from "./pointer.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

const JOBS_EVERY_MS = 2000;
const LATE_MS = 1000;
const RATE_OVER_MS = 2000;
const QUIET_MS = 3000;
const PACED = { job: 8, frames: 2 }; // messages under way: a page that is busy skips, and never lags

const state = { jobs: [], job: null, frame: null, shownAt: [], decoding: false, next: null };
const account = new Account(element("log-in"), {
  onChange() {
    connection.again();
    askForJobs();
  },
  onName(name) {
    element("who").hidden = name === null;
    say("who-name", name ?? "");
  },
});
const view = new View(element("view"), (path) => account.ask(path), (text) => say("announcement", text));
const objects = new Objects(element("objects"), {
  show: (name, whether) => (whether ? view.off.delete(name) : view.off.add(name)),
  point: (name) => state.frame && pointer.ask(name, state.frame.camera),
  forget: (name) => prompt(name, { reset: true }),
});
const pointer = new Pointer(element("pointer"), element("view"), {
  onBox: (name, box) => prompt(name, { box }),
});
const timeline = new Timeline(element("timeline"), element("moments"));
const stages = new Stages(element("stages"));
const states = { connecting: "connecting", open: "live", closed: "disconnected, trying again" };

const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, account, {
  onMessage: hear,
  onFrame: decode,
  onState(name) {
    element("connection").dataset.state = name;
    say("connection", states[name]);
  },
});

function wanted() {
  return new URLSearchParams(location.hash.slice(1)).get("job");
}

async function askForJobs() {
  if (!element("log-in").hidden) return;
  const answer = await account.ask("/api/jobs");
  if (answer?.ok) {
    state.jobs = (await answer.json()).filter((job) => !job.removed);
    choose();
  }
  if (state.job) await askForCounts(state.job.id);
}

async function askForCounts(id) {
  const answer = await account.ask(`/api/jobs/${encodeURIComponent(id)}`);
  if (!answer?.ok || state.job?.id !== id) return;
  const job = await answer.json();
  const run = job.runs.at(-1);
  say("stored", run ? String(run.events) : "0");
  say("skipped", run ? String(run.skipped) : "0");
}

function choose() {
  const job = state.jobs.find((one) => one.id === wanted()) ?? state.jobs[0] ?? null;
  element("welcome").hidden = job !== null;
  element("job").hidden = job === null;
  showJobs(state.jobs, job?.id);
  if (job?.id !== state.job?.id) watch(job);
  state.job = job;
  if (!job) return;
  say("job-name", job.id);
  say("job-about", `${job.estimator} · pool ${job.pool} · mode ${job.mode}`);
  say("job-status", job.status);
  element("job-status").dataset.state = job.status;
  showActs(job.status);
}

/** Says something about an object of the job: where it is, or that it is to be searched for again. */
async function prompt(name, what) {
  const body = JSON.stringify({ object_id: name, ...what });
  const done = what.box ? "told where it is" : "to be searched for again";
  await change("prompts", name, done, { headers: { "Content-Type": "application/json" }, body });
}

/** Changes the chosen job, and says whether that went well. */
async function change(path, about, done, options = {}) {
  const answer = await account.ask(`/api/v1/jobs/${encodeURIComponent(state.job.id)}/${path}`, {
    method: "POST",
    ...options,
  });
  const said = (await answer?.json().catch(() => null)) ?? {};
  say("announcement", `${about}: ${answer?.ok ? done : (said.detail ?? said.error ?? "the service does not answer")}.`);
  await askForJobs();
}

/** Which words the job takes now. */
function showActs(status) {
  const over = ["completed", "failed", "cancelled"].includes(status);
  for (const button of document.querySelectorAll("[data-act]")) {
    const paused = status === "paused";
    button.hidden = over || (button.dataset.act === "resume" ? !paused : button.dataset.act === "pause" && paused);
  }
}

function watch(job) {
  if (state.job) for (const kind of ["job", "frames"]) connection.unsubscribe(`${kind}:${state.job.id}`);
  Object.assign(state, { frame: null, shownAt: [], next: null });
  objects.expect(job ? job.objects : []);
  stages.clear();
  timeline.clear();
  pointer.end();
  view.off.clear();
  for (const id of ["frame-number", "age", "fps", "skipped", "stored"]) say(id, "-");
  say("estimator", "");
  say("announcement", "");
  if (job) for (const [kind, paced] of Object.entries(PACED)) connection.subscribe(`${kind}:${job.id}`, paced);
  document.title = job ? `${job.id} · posestream` : "posestream";
  tick();
}

function hear(message) {
  if (message.type === "error" && message.room?.startsWith("frames:")) {
    say("announcement", message.reason);
    setTimeout(() => connection.rooms.has(message.room) && connection.subscribe(message.room, PACED.frames), QUIET_MS);
  }
  if (message.job !== state.job?.id) return;
  if (message.type === "pose") {
    connection.done(`job:${message.job}`);
    objects.update(message.objects);
    stages.update(message.stage_s);
    timeline.add(message, ageMs({ captured_ns: message.captured_ns, published_ms: Number(message.published_ns) / 1e6 }));
    say("estimator", `${message.estimator} ${message.estimator_version}`);
  } else if (message.type === "status") {
    const frames = message.frames ? ` (frames ${message.frames.first} to ${message.frames.last})` : "";
    say("announcement", `${message.kind}: ${[message.status, message.reason].filter(Boolean).join(", ")}${frames}`);
  }
}

/** Decodes one frame at a time; of those that come meanwhile only the newest is kept. */
async function decode(header, image) {
  if (header.job !== state.job?.id) return;
  if (state.next) connection.done(`frames:${header.job}`); // the one before is not shown
  state.next = { header, image };
  if (state.decoding) return;
  state.decoding = true;
  while (state.next) {
    const { header: mine, image: bytes } = state.next;
    state.next = null;
    try {
      const bitmap = await createImageBitmap(new Blob([bytes], { type: `image/${mine.codec}` }));
      if (mine.job === state.job?.id) show(mine, bitmap);
      bitmap.close();
      await new Promise(requestAnimationFrame);
    } catch (error) {
      say("announcement", `Frame ${mine.seq} cannot be shown: ${error.message}`);
    }
    connection.done(`frames:${mine.job}`);
  }
  state.decoding = false;
}

function show(header, bitmap) {
  view.show(header, bitmap);
  state.frame = header;
  state.shownAt.push(performance.now());
  element("view").dataset.seq = header.seq;
  element("view").dataset.run = header.run;
  element("view").dataset.posed = header.pose ? "yes" : "no";
  say("frame-number", String(header.seq));
  tick();
}

/** Milliseconds since the frame was taken; since it was published where it is a recording's. */
function ageMs(frame) {
  const captured = Number(frame.captured_ns) / 1e6;
  const live = Math.abs(frame.published_ms - captured) < 10000;
  return Math.max(0, connection.nowMs() - (live ? captured : frame.published_ms));
}

function readable(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60000)} min`;
}

function tick() {
  const now = performance.now();
  timeline.draw(now);
  state.shownAt = state.shownAt.filter((at) => now - at < RATE_OVER_MS);
  const waiting = element("waiting");
  if (!state.frame) {
    waiting.hidden = !state.job;
    say("waiting-text", "Waiting for frames of this job.");
    say("waiting-command", "posestream produce --job … --source …");
    return;
  }
  waiting.hidden = true;
  if (!state.frame.pose && !element("announcement").textContent) {
    say("announcement", "No pose yet: is a worker running? posestream track");
  } else if (state.frame.pose && element("announcement").textContent.startsWith("No pose yet")) {
    say("announcement", "");
  }
  const age = ageMs(state.frame);
  say("age", readable(age));
  element("age").dataset.fresh = age > LATE_MS ? "late" : "yes";
  say("fps", (state.shownAt.length / (RATE_OVER_MS / 1000)).toFixed(0));
}

for (const button of document.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => change(button.dataset.act, state.job.id, `told to ${button.dataset.act}`));
}
element("log-out").addEventListener("click", () => account.logOut());
window.addEventListener("hashchange", choose);
setInterval(tick, 200);
setInterval(askForJobs, JOBS_EVERY_MS);
askForJobs();
