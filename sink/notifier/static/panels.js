// What stands beside the picture: jobs, objects with their scores, and times.

const HISTORY = 150;

export const element = (id) => document.getElementById(id);

function make(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** The list of jobs; the chosen one is marked. */
export function showJobs(jobs, chosen) {
  element("no-jobs").hidden = jobs.length > 0;
  element("jobs").replaceChildren(
    ...jobs.map((job) => {
      const link = make("a", "", job.id);
      link.href = `#job=${encodeURIComponent(job.id)}`;
      if (job.id === chosen) link.setAttribute("aria-current", "page");
      const count = `${job.objects.length} object${job.objects.length === 1 ? "" : "s"}`;
      link.append(make("small", "", `${job.status} · ${count}`));
      const item = document.createElement("li");
      item.append(link);
      return item;
    }),
  );
}

/** A text that is written only when it changes: screen readers and layout stay calm. */
export function say(id, text) {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}

export class Objects {
  /** on: {show(name, whether), point(name), forget(name)}. */
  constructor(list, on) {
    this.list = list;
    this.on = on;
    this.cards = new Map();
  }

  /** Shows these objects, before anything is known of them. */
  expect(names) {
    this.cards.clear();
    this.list.replaceChildren();
    for (const name of names) this.card(name);
  }

  update(objects) {
    for (const [name, one] of Object.entries(objects)) {
      const card = this.card(name);
      card.root.dataset.state = one.state;
      card.state.textContent = one.state;
      card.score.textContent = one.score.toFixed(2);
      card.place.textContent = one.translation_m ? `${Math.hypot(...one.translation_m).toFixed(3)} m away` : "";
      card.scores.push([one.score, one.state]);
      if (card.scores.length > HISTORY) card.scores.shift();
      drawScores(card);
    }
  }

  card(name) {
    if (!this.cards.has(name)) {
      const card = {
        root: make("li", "object"), state: make("span", "state", "not seen yet"), score: make("span", "score", "-"),
        place: make("span", "place"), chart: document.createElement("canvas"), scores: [],
      };
      card.root.dataset.state = "unseen";
      card.root.dataset.object = name;
      card.chart.setAttribute("aria-hidden", "true");
      card.root.append(this.toggle(name), card.score, card.state, card.place, card.chart, this.buttons(name));
      this.cards.set(name, card);
      this.list.append(card.root);
    }
    return this.cards.get(name);
  }

  toggle(name) {
    const label = make("label", "name", name);
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    box.addEventListener("change", () => this.on.show(name, box.checked));
    label.prepend(box);
    label.title = "Draw its outline";
    return label;
  }

  buttons(name) {
    const row = make("div", "acts");
    for (const [act, text, title] of [
      ["point", "Point at it", `Draw a box about ${name} on the picture: it is registered there`],
      ["forget", "Forget", `Forget where ${name} is and search for it again`],
    ]) {
      const button = Object.assign(make("button", "", text), { type: "button", title });
      button.setAttribute("aria-label", `${text}: ${name}`);
      button.addEventListener("click", () => this.on[act](name));
      row.append(button);
    }
    return row;
  }
}

function drawScores({ root, chart, scores }) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(chart.clientWidth * ratio));
  const height = Math.max(1, Math.round(chart.clientHeight * ratio));
  if (chart.width !== width || chart.height !== height) Object.assign(chart, { width, height });
  const context = chart.getContext("2d");
  const style = getComputedStyle(root);
  context.clearRect(0, 0, width, height);
  const place = ([score], index) => [
    (index / (HISTORY - 1)) * width, height - 2 * ratio - score * (height - 4 * ratio),
  ];
  context.lineWidth = 1.5 * ratio;
  context.strokeStyle = style.getPropertyValue("--state");
  context.beginPath();
  scores.forEach((one, index) => context.lineTo(...place(one, index)));
  context.stroke();
  context.fillStyle = style.getPropertyValue("--lost");
  scores.forEach((one, index) => {
    if (one[1] === "lost") context.fillRect(place(one, index)[0], height - 2 * ratio, 2 * ratio, 2 * ratio);
  });
}

export class Stages {
  constructor(list) {
    this.list = list;
    this.smooth = new Map();
    this.rows = new Map();
  }

  clear() {
    this.smooth.clear();
    this.rows.clear();
    this.list.replaceChildren();
  }

  update(stageS) {
    for (const [name, seconds] of Object.entries(stageS)) {
      const before = this.smooth.get(name) ?? seconds;
      this.smooth.set(name, before + 0.15 * (seconds - before));
    }
    const longest = Math.max(...this.smooth.values(), 1e-6);
    for (const [name, seconds] of this.smooth) {
      const row = this.row(name);
      row.meter.value = seconds / longest;
      row.number.textContent = `${(seconds * 1000).toFixed(1)} ms`;
    }
  }

  row(name) {
    if (!this.rows.has(name)) {
      const row = { meter: document.createElement("meter"), number: make("dd", "") };
      row.meter.setAttribute("aria-hidden", "true");
      this.list.append(make("dt", "", name), row.meter, row.number);
      this.rows.set(name, row);
    }
    return this.rows.get(name);
  }
}
