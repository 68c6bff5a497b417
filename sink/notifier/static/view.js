// The picture: one frame with the outlines and axes that were found in this very frame.

import { Outliner } from "./outline.js";

const AXES = [["x", "#f2717a"], ["y", "#57d598"], ["z", "#6fabff"]];
const COLOURS = { tracked: [0.27, 0.87, 0.56], registered: [0.36, 0.66, 1.0], lost: [0.9, 0.4, 0.43] };
const LARGEST_SCALE = 3;

/** Bounding radius of a served mesh about its origin, in metres. */
function radiusOf(buffer) {
  const positions = new Float32Array(buffer, 8, new Uint32Array(buffer, 0, 1)[0] * 3);
  let largest = 0;
  for (let i = 0; i < positions.length; i += 3) {
    largest = Math.max(largest, Math.hypot(positions[i], positions[i + 1], positions[i + 2]));
  }
  return largest;
}

export class View {
  /** ask: as fetch; onProblem(text) is told what cannot be drawn. */
  constructor(canvas, ask, onProblem) {
    this.ask = ask;
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.onProblem = onProblem;
    this.radii = new Map(); // mesh key -> metres; null while it loads
    this.off = new Set(); // objects that are not to be drawn
    try {
      this.outliner = new Outliner();
    } catch (error) {
      onProblem(`No outlines: ${error.message}.`);
    }
  }

  /** Draws a decoded frame; objects without a pose or lost ones get no outline. */
  show(header, bitmap) {
    const { camera, pose, job } = header;
    const scale = this.fit(camera);
    const size = { width: this.canvas.width, height: this.canvas.height };
    this.context.drawImage(bitmap, 0, 0, size.width, size.height);
    const found = Object.entries(pose?.objects ?? {}).filter(
      ([name, one]) => one.rotation && one.state !== "lost" && !this.off.has(name),
    );
    for (const [name] of found) this.want(job, name);
    const known = found.some(([name]) => this.radii.get(`${job}/${name}`));
    this.canvas.dataset.outlined = this.outliner && known ? "yes" : "no";
    if (this.outliner && found.length) {
      const items = found.map(([name, one]) => ({
        mesh: `${job}/${name}`, rotation: one.rotation, translation: one.translation_m, colour: COLOURS[one.state],
      }));
      this.outliner.draw(camera, size, items, Math.max(2, 1.5 * scale));
      this.context.drawImage(this.outliner.canvas, 0, 0);
    }
    for (const [name, one] of found) this.drawAxes(camera, scale, name, one, this.radii.get(`${job}/${name}`));
  }

  /** Sizes the canvas to whole multiples of the frame, as sharp as the screen shows it. */
  fit({ width, height }) {
    const shown = this.canvas.clientWidth * (window.devicePixelRatio || 1);
    const scale = Math.min(LARGEST_SCALE, Math.max(1, Math.ceil(shown / width - 0.2)));
    if (this.canvas.width !== width * scale || this.canvas.height !== height * scale) {
      this.canvas.width = width * scale;
      this.canvas.height = height * scale;
    }
    return scale;
  }

  async want(job, name) {
    const key = `${job}/${name}`;
    if (this.radii.has(key)) return;
    this.radii.set(key, null);
    const path = `/api/jobs/${encodeURIComponent(job)}/objects/${encodeURIComponent(name)}/mesh`;
    const answer = await this.ask(path);
    if (!answer?.ok) {
      const said = answer ? await answer.json().catch(() => ({})) : {};
      this.onProblem(`No outline of ${name}: ${said.error ?? "the mesh did not come"}.`);
      setTimeout(() => this.radii.delete(key), 5000);
      return;
    }
    const buffer = await answer.arrayBuffer();
    this.outliner?.addMesh(key, buffer);
    this.radii.set(key, radiusOf(buffer));
  }

  drawAxes(camera, scale, name, one, radius) {
    const length = radius ? radius * 0.9 : 0.04;
    const project = ([x, y, z]) => [
      ((camera.fx * x) / z + camera.cx + 0.5) * scale, ((camera.fy * y) / z + camera.cy + 0.5) * scale,
    ];
    const origin = one.translation_m;
    const context = this.context;
    context.lineCap = "round";
    context.lineWidth = 1.6 * scale;
    AXES.forEach(([, colour], axis) => {
      const tip = origin.map((value, row) => value + one.rotation[row * 3 + axis] * length);
      if (origin[2] <= 0 || tip[2] <= 0) return;
      context.strokeStyle = colour;
      context.beginPath();
      context.moveTo(...project(origin));
      context.lineTo(...project(tip));
      context.stroke();
    });
    if (origin[2] > 0) this.drawLabel(name, project(origin), scale);
  }

  drawLabel(name, [x, y], scale) {
    const context = this.context;
    context.font = `600 ${12 * scale}px system-ui, sans-serif`;
    context.lineWidth = 3 * scale;
    context.lineJoin = "round";
    context.strokeStyle = "#000a";
    context.fillStyle = "#fff";
    context.strokeText(name, x + 7 * scale, y + 16 * scale);
    context.fillText(name, x + 7 * scale, y + 16 * scale);
  }
}
