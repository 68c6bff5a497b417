// The live page: chooses a job, listens, and shows what comes.

import { Account } from "./account.js";
import { Acts } from "./acts.js";
import { Again } from "./again.js";
import { Connection } from "./connection.js";
import { NewJob } from "./newjob.js";
import { Newest } from "./newest.js";
import { Objects, Stages, element, say, showJobs } from "./panels.js";
import { Pointer } from "./pointer.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

const JOBS_EVERY_MS = 2000;
const LATE_MS = 1000;
const RATE_OVER_MS = 2000;
const QUIET_MS = 3000;
const PACED = { job: 8, frames: 2 }; // messages under way: a page that is busy skips, and never lags

const state = { jobs: [], job: null, frame: null, shownAt: [], boxed: { job: null, names: [] }, settle: false };
const account = new Account(element("log-in"), {
  onChange() {
    connection.again();
    askForJobs();
  },
  onName(name, role) {
    element("who").hidden = name === null;
    element("to-new-job").hidden = role === "viewer";
    say("who-name", name ?? "");
  },
});
const ask = (path, options) => account.ask(path, options);
const view = new View(element("view"), ask, (text) => say("announcement", text));
const objects = new Objects(element("objects"), {
  show: (name, whether) => (whether ? view.off.delete(name) : view.off.add(name)),
  point(name) {
    again.stop();
    if (state.frame) pointer.ask(name, state.frame.camera);
  },
  forget: (name) => acts.prompt(name, { reset: true }),
});
const acts = new Acts(document.querySelectorAll("[data-act]"), ask, {
  said: (text) => say("announcement", text),
  done: askForJobs,
});
const pointer = new Pointer(element("pointer"), element("view"), {
  async onBox(name, box) {
    await acts.prompt(name, { box });
    askForBoxes();
  },
});
const timeline = new Timeline(element("timeline"), element("moments"));
const again = new Again(element("again"), ask, timeline, {
  begin: () => connection.unsubscribe(`frames:${state.job.id}`),
  frame: (header, bitmap) => {
    if (header.pose) objects.update(header.pose.objects);
    show(header, bitmap);
  },
  end() {
    state.settle = true;
    if (state.job) connection.subscribe(`frames:${state.job.id}`, PACED.frames); // it begins with the newest
  },
});
const newJob = new NewJob(element("new-job"), ask, {
  async onMade({ id }, names) {
    state.boxed = { job: id, names };
    for (let tries = 0; tries < 50 && !state.jobs.some((job) => job.id === id); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100)); // it comes by way of Kafka
      await askForJobs();
    }
    location.hash = `job=${encodeURIComponent(id)}`;
  },
});
const stages = new Stages(element("stages"));
const states = { connecting: "connecting", open: "live", closed: "disconnected, trying again" };

const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, account, {
  onMessage: hear,
  onFrame: (header, image) => header.job === state.job?.id && newest.take(header, image),
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
  again.know(job.runs);
  say("stored", run ? String(run.events) : "0");
  say("skipped", run ? String(run.skipped) : "0");
}

function choose() {
  const making = location.hash === "#new";
  const job = making ? null : (state.jobs.find((one) => one.id === wanted()) ?? state.jobs[0] ?? null);
  element("welcome").hidden = job !== null || making;
  element("job").hidden = job === null;
  showForm(making);
  showJobs(state.jobs, job?.id);
  if (job?.id !== state.job?.id) watch(job);
  state.job = job;
  if (!job) return;
  say("job-name", job.id);
  say("job-about", `${job.estimator} · pool ${job.pool} · mode ${job.mode}`);
  say("job-status", job.status);
  element("job-status").dataset.state = job.status;
  acts.show(job.id, job.status);
}

function showForm(making) {
  const form = element("new-job");
  if (making && form.hidden) newJob.open();
  form.hidden = !making;
  if (making) element("to-new-job").setAttribute("aria-current", "page");
  else element("to-new-job").removeAttribute("aria-current");
}

/** The objects that are to be pointed at when the first frame is there, one after the other. */
function askForBoxes() {
  const name = state.boxed.job === state.job.id ? state.boxed.names.shift() : undefined;
  if (name !== undefined) pointer.ask(name, state.frame.camera);
}

function watch(job) {
  again.watch(job);
  if (state.job) for (const kind of ["job", "frames"]) connection.unsubscribe(`${kind}:${state.job.id}`);
  Object.assign(state, { frame: null, shownAt: [], settle: false });
  newest.clear();
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
    if (!again.playing) objects.update(message.objects);
    stages.update(message.stage_s);
    timeline.add(message, ageMs({ captured_ns: message.captured_ns, published_ms: Number(message.published_ns) / 1e6 }));
    say("estimator", `${message.estimator} ${message.estimator_version}`);
  } else if (message.type === "status") {
    const frames = message.frames ? ` (frames ${message.frames.first} to ${message.frames.last})` : "";
    say("announcement", `${message.kind}: ${[message.status, message.reason].filter(Boolean).join(", ")}${frames}`);
  }
}

const newest = new Newest({
  onFrame: (header, bitmap) => header.job === state.job?.id && !again.playing && show(header, bitmap),
  onDone: (header) => connection.done(`frames:${header.job}`),
  onProblem: (text) => say("announcement", text),
});

function show(header, bitmap) {
  view.show(header, bitmap);
  const first = state.frame === null;
  state.frame = header;
  if (state.settle && !again.playing && header.pose) objects.update(header.pose.objects);
  state.settle &&= again.playing;
  state.shownAt.push(performance.now());
  element("view").dataset.seq = header.seq;
  element("view").dataset.run = header.run;
  element("view").dataset.played = again.playing ? "yes" : "no";
  element("view").dataset.posed = header.pose ? "yes" : "no";
  say("frame-number", String(header.seq));
  tick();
  if (first) askForBoxes();
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
    say("waiting-command", `posestream produce ${state.job?.id ?? "JOB"} SOURCE`);
    return;
  }
  waiting.hidden = true;
  if (!state.frame.pose && !element("announcement").textContent) {
    say("announcement", "No pose yet: is a worker running? posestream track");
  } else if (state.frame.pose && element("announcement").textContent.startsWith("No pose yet")) {
    say("announcement", "");
  }
  const age = ageMs(state.frame);
  say("age", again.playing ? "again" : readable(age));
  element("age").dataset.fresh = age > LATE_MS && !again.playing ? "late" : "yes";
  say("fps", (state.shownAt.length / (RATE_OVER_MS / 1000)).toFixed(0));
}

element("log-out").addEventListener("click", () => account.logOut());
window.addEventListener("hashchange", choose);
setInterval(tick, 200);
setInterval(askForJobs, JOBS_EVERY_MS);
askForJobs();
