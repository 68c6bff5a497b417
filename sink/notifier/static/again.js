// The form that chooses a stretch of a run and plays it again.

import { Playback } from "./playback.js";

export class Again {
  /**
   * form: fields run, first, last and speed, a button to stop; timeline: tells of stretches drawn on it.
   * on: {begin(), frame(header, bitmap), end()}: between begin and end the page shows what is played.
   */
  constructor(form, ask, timeline, on) {
    Object.assign(this, { form, timeline, on, job: null, runs: [], chosen: false });
    this.playback = new Playback(ask, { onFrame: (header, bitmap) => this.show(header, bitmap), onEnd: (text) => this.end(text) });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.play();
    });
    form.addEventListener("input", ({ target }) => {
      form.elements.last.setCustomValidity("");
      this.chosen ||= target.name !== "speed";
    });
    form.elements.run.addEventListener("change", () => this.wholeRun());
    this.button("stop").addEventListener("click", () => this.stop());
    this.button("minute").addEventListener("click", () => this.lastMinute());
    timeline.onStretch = (stretch) => this.choose(stretch);
  }

  button(name) {
    return this.form.querySelector(`[data-part=${name}]`);
  }

  get playing() {
    return this.playback.running;
  }

  /** Another job is shown. */
  watch(job) {
    this.stop();
    Object.assign(this, { job, runs: [], chosen: false });
    this.form.hidden = true;
    this.say("");
  }

  /** What is stored of the job's runs, as the service tells it. */
  know(runs) {
    this.runs = runs;
    this.form.hidden = runs.length === 0;
    if (!runs.length) return;
    const select = this.form.elements.run;
    const names = runs.map((run) => run.run).reverse();
    if (names.join() !== [...select.options].map((option) => option.value).join()) {
      const before = select.value;
      select.replaceChildren(...names.map((name) => new Option(name, name)));
      select.value = this.chosen && names.includes(before) ? before : names[0];
    }
    if (!this.chosen && !this.playing) this.lastMinute();
  }

  /** The frames of the last minute, of the newest run in it; the newest run where nothing came in that time. */
  lastMinute() {
    const seen = this.timeline.stretch();
    if (seen && this.runs.some((run) => run.run === seen.run)) this.set(seen);
    else this.wholeRun(this.runs.at(-1)?.run);
    this.chosen = false;
  }

  wholeRun(name = this.form.elements.run.value) {
    const run = this.runs.find((one) => one.run === name);
    if (run) this.set({ run: name, first: run.first_seq, last: run.last_seq });
  }

  choose(stretch) {
    this.set(stretch);
    this.chosen = true;
  }

  set({ run, first, last }) {
    const fields = this.form.elements;
    fields.last.setCustomValidity("");
    fields.run.value = run;
    fields.first.value = first;
    fields.last.value = last;
  }

  play() {
    const fields = this.form.elements;
    const [first, last] = [Number(fields.first.value), Number(fields.last.value)];
    fields.last.setCustomValidity(last < first ? "expected a frame that is not before the first" : "");
    if (!this.form.reportValidity()) return;
    if (!this.playing) this.on.begin();
    this.button("stop").hidden = false;
    this.say("Looking for the frames.");
    this.playback.play(this.job.id, fields.run.value, first, last, Number(fields.speed.value));
  }

  stop() {
    if (!this.playing) return;
    this.playback.stop();
    this.end("");
  }

  show(header, bitmap) {
    this.say("Playing again.");
    this.on.frame(header, bitmap);
  }

  end(text) {
    this.button("stop").hidden = true;
    this.say(text);
    this.on.end();
  }

  say(text) {
    const line = this.button("said");
    if (line.textContent !== text) line.textContent = text;
  }
}
