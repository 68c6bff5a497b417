// A box drawn on the picture says where an object is: with mouse, finger or keyboard.

const LEAST_PX = 6; // of the frame; less is a slip of the hand
const STEP_PX = 8;

/** Frame pixels of a place on a canvas that shows the whole frame, centred ("object-fit: contain"). */
export function framePlace(canvas, frame, clientX, clientY) {
  const bounds = canvas.getBoundingClientRect();
  const scale = Math.min(bounds.width / frame.width, bounds.height / frame.height);
  const left = bounds.left + (bounds.width - frame.width * scale) / 2;
  const top = bounds.top + (bounds.height - frame.height * scale) / 2;
  const within = (value, most) => Math.min(most, Math.max(0, value));
  return [within((clientX - left) / scale, frame.width), within((clientY - top) / scale, frame.height)];
}

export class Pointer {
  /** canvas: lies over `view`; onBox(object, {x_px, y_px, width_px, height_px}) */
  constructor(canvas, view, { onBox }) {
    Object.assign(this, { canvas, view, onBox, object: null, cameFrom: null });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.end());
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** Asks for a box about an object in frames of this size. */
  ask(object, frame) {
    const side = Math.min(frame.width, frame.height) / 3;
    this.frame = frame;
    this.object = object;
    this.cameFrom = document.activeElement;
    this.box = [(frame.width - side) / 2, (frame.height - side) / 2, side, side];
    this.from = null;
    this.canvas.hidden = false;
    this.canvas.setAttribute("aria-label", `Box about ${object}: drag; or arrow keys move, with Shift resize, Enter sends, Escape leaves`);
    this.canvas.focus();
    this.draw();
  }

  end() {
    if (this.object === null) return;
    this.object = null;
    this.canvas.hidden = true;
    this.cameFrom?.focus();
  }

  place(event) {
    return framePlace(this.view, this.frame, event.clientX, event.clientY);
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.place(event);
    this.box = [...this.from, 0, 0];
    this.draw();
  }

  move(event) {
    if (!this.from) return;
    const [x, y] = this.place(event);
    const [a, b] = this.from;
    this.box = [Math.min(a, x), Math.min(b, y), Math.abs(x - a), Math.abs(y - b)];
    this.draw();
  }

  up(event) {
    if (!this.from) return;
    this.move(event);
    this.from = null;
    if (Math.min(this.box[2], this.box[3]) >= LEAST_PX) this.send();
  }

  send() {
    const [x_px, y_px, width_px, height_px] = this.box;
    const object = this.object;
    this.end();
    this.onBox(object, { x_px, y_px, width_px, height_px });
  }

  key(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Escape") this.end();
    else if (event.key === "Enter") this.send();
    else if (move) this.nudge(move, event.shiftKey ? 2 : 0);
    else return;
    event.preventDefault();
  }

  nudge([dx, dy], first) {
    this.box[first] += dx * STEP_PX;
    this.box[first + 1] += dy * STEP_PX;
    const [width, height] = [this.frame.width, this.frame.height];
    this.box[2] = Math.min(width, Math.max(LEAST_PX, this.box[2]));
    this.box[3] = Math.min(height, Math.max(LEAST_PX, this.box[3]));
    this.box[0] = Math.min(width - this.box[2], Math.max(0, this.box[0]));
    this.box[1] = Math.min(height - this.box[3], Math.max(0, this.box[1]));
    this.draw();
  }

  draw() {
    const bounds = this.view.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: bounds.width * ratio, height: bounds.height * ratio });
    const context = this.canvas.getContext("2d");
    const scale = ratio * Math.min(bounds.width / this.frame.width, bounds.height / this.frame.height);
    const left = (this.canvas.width - this.frame.width * scale) / 2;
    const top = (this.canvas.height - this.frame.height * scale) / 2;
    const [x, y, width, height] = this.box.map((value) => value * scale);
    context.fillStyle = "#0008";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.clearRect(left + x, top + y, width, height);
    context.strokeStyle = "#ffd84d";
    context.lineWidth = 2 * ratio;
    context.strokeRect(left + x, top + y, width, height);
  }
}
