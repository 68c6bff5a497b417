// Renders the meshes of one frame to a mask and draws the mask's edges, with WebGL2.

const NEAR_M = 0.02;
const FAR_M = 50;
const OBJECTS = 16; // drawn at once, at most

const MESH_VERTEX = `#version 300 es
in vec3 position_m;
uniform mat4 clip_from_obj;
void main() { gl_Position = clip_from_obj * vec4(position_m, 1.0); }`;

const MESH_FRAGMENT = `#version 300 es
precision mediump float;
uniform float number;
out vec4 mask;
void main() { mask = vec4(number / 255.0, 0.0, 0.0, 1.0); }`;

const EDGE_VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

// A pixel within `width` of another object's mask is edge; the further object's side gets the line.
const EDGE_FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
uniform sampler2D mask;
uniform vec3 colours[${OBJECTS + 1}];
uniform float width;
out vec4 colour;
int at(vec2 place) {
  ivec2 size = textureSize(mask, 0);
  return int(texelFetch(mask, clamp(ivec2(place), ivec2(0), size - 1), 0).r * 255.0 + 0.5);
}
void main() {
  int here = at(gl_FragCoord.xy);
  int near = 0;
  for (int step = 0; step < 32; step++) {
    float angle = float(step) * 0.39269908;
    float radius = step < 16 ? width : width * 0.5;
    int there = at(gl_FragCoord.xy + radius * vec2(cos(angle), sin(angle)));
    if (there > here) near = there;
  }
  if (near > 0) { colour = vec4(colours[near], 1.0); return; }
  colour = here > 0 ? vec4(colours[here], 1.0) * 0.10 : vec4(0.0);
}`;

function compile(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  return program;
}

/** Column-major clip_from_cam of an OpenCV camera; pixel centres lie at whole numbers. */
function clipFromCam(camera) {
  const { width, height, fx, fy, cx, cy } = camera;
  const depth = FAR_M - NEAR_M;
  return [
    [(2 * fx) / width, 0, (2 * (cx + 0.5)) / width - 1, 0],
    [0, (-2 * fy) / height, 1 - (2 * (cy + 0.5)) / height, 0],
    [0, 0, (FAR_M + NEAR_M) / depth, (-2 * FAR_M * NEAR_M) / depth],
    [0, 0, 1, 0],
  ];
}

function clipFromObj(camera, rotation, translation) {
  const clip = clipFromCam(camera);
  const pose = [
    [...rotation.slice(0, 3), translation[0]],
    [...rotation.slice(3, 6), translation[1]],
    [...rotation.slice(6, 9), translation[2]],
    [0, 0, 0, 1],
  ];
  const out = new Float32Array(16);
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      for (let k = 0; k < 4; k++) out[column * 4 + row] += clip[row][k] * pose[k][column];
    }
  }
  return out;
}

export class Outliner {
  constructor() {
    this.canvas = document.createElement("canvas");
    const gl = this.canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser has no WebGL2");
    this.gl = gl;
    this.meshProgram = compile(gl, MESH_VERTEX, MESH_FRAGMENT);
    this.edgeProgram = compile(gl, EDGE_VERTEX, EDGE_FRAGMENT);
    this.empty = gl.createVertexArray();
    this.target = gl.createFramebuffer();
    this.meshes = new Map();
  }

  /** Takes a mesh as /api/jobs/{id}/objects/{id}/mesh serves it. */
  addMesh(key, buffer) {
    const gl = this.gl;
    const [vertices, faces] = new Uint32Array(buffer, 0, 2);
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(buffer, 8, vertices * 3), gl.STATIC_DRAW);
    const place = gl.getAttribLocation(this.meshProgram, "position_m");
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(buffer, 8 + vertices * 12, faces * 3), gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    this.meshes.set(key, { array, indices: faces * 3 });
  }

  /** Draws outlines into `this.canvas`, transparent elsewhere; items: [{mesh, rotation, translation, colour}]. */
  draw(camera, size, items, lineWidth) {
    const gl = this.gl;
    this.resize(size);
    gl.viewport(0, 0, size.width, size.height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.useProgram(this.meshProgram);
    const shown = items.filter((item) => this.meshes.has(item.mesh)).slice(0, OBJECTS);
    shown.forEach((item, index) => this.drawMask(camera, item, index + 1));
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.disable(gl.DEPTH_TEST);
    gl.useProgram(this.edgeProgram);
    const colours = new Float32Array((OBJECTS + 1) * 3);
    shown.forEach((item, index) => colours.set(item.colour, (index + 1) * 3));
    gl.uniform3fv(gl.getUniformLocation(this.edgeProgram, "colours"), colours);
    gl.uniform1f(gl.getUniformLocation(this.edgeProgram, "width"), lineWidth);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.bindVertexArray(this.empty);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  drawMask(camera, item, number) {
    const gl = this.gl;
    const { array, indices } = this.meshes.get(item.mesh);
    const matrix = clipFromObj(camera, item.rotation, item.translation);
    gl.uniformMatrix4fv(gl.getUniformLocation(this.meshProgram, "clip_from_obj"), false, matrix);
    gl.uniform1f(gl.getUniformLocation(this.meshProgram, "number"), number);
    gl.bindVertexArray(array);
    gl.drawElements(gl.TRIANGLES, indices, gl.UNSIGNED_INT, 0);
  }

  resize({ width, height }) {
    if (this.canvas.width === width && this.canvas.height === height && this.texture) return;
    const gl = this.gl;
    Object.assign(this.canvas, { width, height });
    if (this.texture) gl.deleteTexture(this.texture);
    if (this.depth) gl.deleteRenderbuffer(this.depth);
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
    this.depth = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, this.depth);
    gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT24, width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.texture, 0);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, this.depth);
  }
}
