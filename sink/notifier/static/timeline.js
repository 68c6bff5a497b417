// The last minute of a job: each object's score and state, the frames' age, and the moments that matter, in words.

const SPAN_MS = 60000;
const MOMENTS = 6; // in words
const OLDEST_AGE_MS = 1000; // the top of the age's scale
const ROW = 34; // CSS pixels of an object's row
const AGE_ROW = 44;

export class Timeline {
  /** canvas: drawn into; list: where moments are told. */
  constructor(canvas, list) {
    this.canvas = canvas;
    this.list = list;
    this.onStretch = () => {}; // told of frames that were chosen: {run, first, last}
    this.chosen = null; // [from, to] as times of `points`
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", () => this.up());
    canvas.addEventListener("pointercancel", () => this.up());
    this.clear();
  }

  at({ clientX }) {
    const { left, width } = this.canvas.getBoundingClientRect();
    return performance.now() - SPAN_MS * (1 - (clientX - left) / width);
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.chosen = [this.at(event), this.at(event)];
  }

  move(event) {
    if (this.dragged) this.chosen[1] = this.at(event);
  }

  up() {
    this.dragged = false;
    const stretch = this.chosen && this.stretch(Math.min(...this.chosen), Math.max(...this.chosen));
    if (stretch) this.onStretch(stretch);
    else this.chosen = null;
  }

  /** The frames between two times, of the newest run in them; null where there are none. */
  stretch(from = -Infinity, to = Infinity) {
    const within = this.points.filter(({ at }) => from <= at && at <= to);
    const run = within.at(-1)?.run;
    const seqs = within.filter((point) => point.run === run).map((point) => point.seq);
    return seqs.length ? { run, first: Math.min(...seqs), last: Math.max(...seqs) } : null;
  }

  clear() {
    this.points = []; // {at, ageMs, run, seq, objects: {name: {score, state}}}, oldest first
    this.chosen = null;
    this.states = new Map();
    this.list.replaceChildren();
    this.draw();
  }

  /** Takes a pose message; ageMs is from capture, or publishing, to its arrival. */
  add(message, ageMs, at = performance.now()) {
    const objects = Object.entries(message.objects).map(([name, { score, state }]) => [name, { score, state }]);
    this.points.push({ at, ageMs, run: message.run, seq: message.seq, objects: Object.fromEntries(objects) });
    while (this.points[0].at < at - SPAN_MS) this.points.shift();
    for (const [name, { state }] of objects) this.note(name, state, message.seq);
  }

  /** Tells of an object that was lost, or found. */
  note(name, state, seq) {
    const before = this.states.get(name);
    this.states.set(name, state);
    const lost = state === "lost" && before !== undefined && before !== "lost";
    const found = state !== "lost" && (before === "lost" || (state === "registered" && before !== "registered"));
    if (!lost && !found) return;
    const item = document.createElement("li");
    item.dataset.state = state;
    const word = lost ? "lost" : before === undefined ? "found" : "found again";
    item.textContent = `${new Date().toLocaleTimeString()} frame ${seq}: ${name} ${word}`;
    this.list.prepend(item);
    while (this.list.children.length > MOMENTS) this.list.lastChild.remove();
  }

  /** Draws it as it is now; to be called a few times a second. */
  draw(now = performance.now()) {
    const names = [...new Set(this.points.flatMap((point) => Object.keys(point.objects)))].sort();
    const ratio = window.devicePixelRatio || 1;
    const height = AGE_ROW + ROW * names.length;
    this.canvas.style.height = `${height}px`;
    this.canvas.hidden = names.length === 0;
    if (!names.length) return;
    const width = Math.max(1, this.canvas.clientWidth);
    Object.assign(this.canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(this.canvas);
    const x = (at) => width * (1 - (now - at) / SPAN_MS);
    names.forEach((name, row) => this.drawObject(context, style, name, row * ROW, x, width));
    this.drawAge(context, style, names.length * ROW, x, width);
    if (this.chosen) this.drawChosen(context, style, x, height);
  }

  drawChosen(context, style, x, height) {
    const [left, right] = this.chosen.map(x).sort((a, b) => a - b);
    context.fillStyle = style.getPropertyValue("--accent");
    context.globalAlpha = 0.25;
    context.fillRect(left, 0, Math.max(1, right - left), height);
    context.globalAlpha = 1;
  }

  drawObject(context, style, name, top, x, width) {
    const colours = Object.fromEntries(
      ["tracked", "registered", "lost"].map((state) => [state, style.getPropertyValue(`--${state}`)]),
    );
    const bottom = top + ROW - 4;
    this.points.forEach((point, index) => {
      const one = point.objects[name];
      if (!one) return;
      const left = x(point.at);
      const right = index + 1 < this.points.length ? x(this.points[index + 1].at) : width;
      const tall = one.state === "lost" ? ROW - 8 : Math.max(1, one.score * (ROW - 8));
      context.fillStyle = colours[one.state];
      context.globalAlpha = one.state === "lost" ? 0.35 : 0.75;
      context.fillRect(left, bottom - tall, Math.max(1, Math.min(right - left, 30)), tall);
    });
    context.globalAlpha = 1;
    label(context, style, name, top);
  }

  drawAge(context, style, top, x, width) {
    context.strokeStyle = style.getPropertyValue("--line");
    context.strokeRect(0, top + 0.5, width, 0);
    context.strokeStyle = style.getPropertyValue("--accent");
    context.lineWidth = 1.5;
    context.beginPath();
    for (const { at, ageMs } of this.points) {
      context.lineTo(x(at), top + AGE_ROW - 3 - Math.min(1, ageMs / OLDEST_AGE_MS) * (AGE_ROW - 8));
    }
    context.stroke();
    label(context, style, `age of the answer, up to ${OLDEST_AGE_MS / 1000} s`, top);
  }
}

function label(context, style, text, top) {
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = style.getPropertyValue("--text");
  context.strokeStyle = style.getPropertyValue("--panel");
  context.lineWidth = 3;
  context.strokeText(text, 6, top + 13);
  context.fillText(text, 6, top + 13);
}
