// What a job is told to do: pause, resume, cancel, and what is said of its objects.

import { reasonOf } from "./upload.js";

export class Acts {
  /** buttons: each with `data-act`; ask: as fetch; on: {said(text), done()}. */
  constructor(buttons, ask, on) {
    Object.assign(this, { buttons: [...buttons], ask, on, job: null });
    for (const button of this.buttons) {
      const act = button.dataset.act;
      button.addEventListener("click", () => this.tell(act, this.job, `told to ${act}`));
    }
  }

  /** Which words the job takes now. */
  show(job, status) {
    this.job = job;
    const over = ["completed", "failed", "cancelled"].includes(status);
    const paused = status === "paused";
    for (const button of this.buttons) {
      const { act } = button.dataset;
      button.hidden = over || (act === "resume" ? !paused : act === "pause" && paused);
    }
  }

  /** Says something about an object of the job: where it is, or that it is to be searched for again. */
  async prompt(name, what) {
    const body = JSON.stringify({ object_id: name, ...what });
    const done = what.box ? "told where it is" : "to be searched for again";
    await this.tell("prompts", name, done, { headers: { "Content-Type": "application/json" }, body });
  }

  /** Changes the job, and says whether that went well. */
  async tell(path, about, done, options = {}) {
    const answer = await this.ask(`/api/v1/jobs/${encodeURIComponent(this.job)}/${path}`, { method: "POST", ...options });
    this.on.said(`${about}: ${answer?.ok ? done : await reasonOf(answer)}.`);
    await this.on.done();
  }
}
