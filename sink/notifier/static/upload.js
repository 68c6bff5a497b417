// Uploads a mesh in pieces; one that was cut goes on where it was, also after the page was closed.

const PIECE_BYTES = 1 << 20;
const FORMATS = ["ply", "obj", "glb"];
const MOST_BYTES = 256 << 20;
const TRIES = 6;
const FIRST_PAUSE_MS = 500;

/** What is wrong with an upload, in words for whoever chose the file. */
export class UploadFailed extends Error {}

/** The sha256 of a buffer, as text. */
async function digestOf(buffer) {
  if (!crypto.subtle) throw new UploadFailed("a browser uploads only over https, or on the machine itself");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What an answer says of its failure. */
export async function reasonOf(answer) {
  if (!answer) return "the service does not answer";
  const said = await answer.json().catch(() => ({}));
  return said.detail ?? said.error ?? `the service answered ${answer.status}`;
}

/** The format of a file by its name. */
function formatOf(file) {
  const format = file.name.toLowerCase().split(".").at(-1);
  if (!FORMATS.includes(format)) {
    throw new UploadFailed(`${file.name}: expected a file that ends in .${FORMATS.join(", .")}`);
  }
  if (file.size > MOST_BYTES) {
    throw new UploadFailed(`${file.name}: expected at most 256 MiB, got ${Math.ceil(file.size / (1 << 20))}`);
  }
  if (file.size === 0) throw new UploadFailed(`${file.name}: expected a mesh, got an empty file`);
  return format;
}

export class Upload {
  /**
   * ask: as fetch, null where nobody answers; onProgress(done): from 0 to 1; signal: an AbortSignal that stops it
   * (what was sent stays there: the same file goes on from it).
   */
  constructor(ask, { onProgress, signal }) {
    Object.assign(this, { ask, onProgress, signal });
  }

  /** Uploads a file whose unit is so many metres; gives the finished mesh. Throws UploadFailed. */
  async send(file, unitM) {
    const format = formatOf(file);
    const bytes = await file.arrayBuffer();
    const sha256 = await digestOf(bytes);
    let mesh = await this.known(sha256, bytes.byteLength, unitM);
    mesh ??= await this.json("/api/v1/meshes", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: file.name.slice(0, 200), format, size_bytes: bytes.byteLength, sha256, unit_m: unitM }),
    });
    if (mesh.faces === null) mesh = await this.fill(mesh, bytes);
    this.onProgress(1);
    return mesh.faces === null ? this.json(`/api/v1/meshes/${mesh.id}/finish`, { method: "POST" }) : mesh;
  }

  /** The same file with the same unit, where it is there already, or some of it. */
  async known(sha256, size, unitM) {
    const meshes = await this.json("/api/v1/meshes");
    return meshes.find((one) => one.sha256 === sha256 && one.size_bytes === size && one.unit_m === unitM) ?? null;
  }

  async fill(mesh, bytes) {
    let have = mesh.received_bytes;
    let failures = 0;
    while (have < bytes.byteLength) {
      this.signal.throwIfAborted();
      this.onProgress(have / bytes.byteLength);
      const body = bytes.slice(have, have + PIECE_BYTES);
      const path = `/api/v1/meshes/${mesh.id}/bytes?offset=${have}`;
      const headers = { "Content-Type": "application/octet-stream" };
      const answer = await this.ask(path, { method: "PUT", body, headers });
      if (answer?.ok) {
        have = (await answer.json()).received_bytes;
        failures = 0;
      } else {
        have = await this.recover(mesh, answer, ++failures, have);
      }
    }
    return mesh;
  }

  /** How much has arrived, after a pause; throws what asking again does not mend. */
  async recover(mesh, answer, failures, have) {
    const passing = !answer || [409, 429, 502, 503, 504].includes(answer.status);
    if (!passing || failures >= TRIES) throw new UploadFailed(await reasonOf(answer));
    const asked = Number(answer?.headers.get("Retry-After")) * 1000;
    await new Promise((resolve) => setTimeout(resolve, asked || FIRST_PAUSE_MS * 2 ** (failures - 1)));
    const now = await this.ask(`/api/v1/meshes/${mesh.id}`);
    return now?.ok ? (await now.json()).received_bytes : have;
  }

  async json(path, options) {
    const answer = await this.ask(path, options);
    if (!answer?.ok) throw new UploadFailed(await reasonOf(answer));
    return answer.json();
  }
}
