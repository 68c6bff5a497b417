// The form in which a mesh is uploaded and a job is made of it.

import { Upload, UploadFailed, reasonOf } from "./upload.js";

export class NewJob {
  /** root: the section with both forms; ask: as fetch; onMade(job, boxed): boxed are the objects to be pointed at. */
  constructor(root, ask, { onMade }) {
    Object.assign(this, { root, ask, onMade, stopping: null });
    [this.meshForm, this.jobForm] = root.querySelectorAll("form");
    this.objects = this.jobForm.querySelector("[data-part=objects]");
    this.pattern = this.objects.querySelector("[data-part=object]").cloneNode(true);
    this.meshForm.addEventListener("submit", (event) => this.onSubmit(event, () => this.upload()));
    this.jobForm.addEventListener("submit", (event) => this.onSubmit(event, () => this.create()));
    this.part("stop").addEventListener("click", () => this.stopping?.abort(new UploadFailed("stopped; the same file goes on where it was")));
    this.part("add").addEventListener("click", () => this.addObject());
    this.objects.addEventListener("click", ({ target }) => target.dataset.part === "remove" && this.removeObject(target));
    this.numberObjects();
  }

  part(name) {
    return this.root.querySelector(`[data-part=${name}]`);
  }

  /** Asks for the meshes that are there; to be called when the form is shown. */
  async open() {
    const answer = await this.ask("/api/v1/meshes");
    this.tell(this.meshForm, answer?.ok ? "" : `Meshes: ${await reasonOf(answer)}.`);
    if (answer?.ok) this.offer((await answer.json()).filter((mesh) => mesh.faces !== null));
  }

  offer(meshes, chosen) {
    this.meshes = meshes;
    for (const select of this.objects.querySelectorAll("select")) this.fill(select, chosen);
  }

  /** Names the meshes in a choice; the one just uploaded is chosen where none was. */
  fill(select, chosen) {
    const before = select.value || chosen;
    const named = (mesh) => new Option(`${mesh.name} (${(mesh.extent_m * 1000).toFixed(0)} mm)`, mesh.id);
    select.replaceChildren(new Option(this.meshes.length ? "choose" : "none yet: upload one", ""), ...this.meshes.map(named));
    select.value = this.meshes.some((mesh) => mesh.id === before) ? before : "";
  }

  addObject() {
    const added = this.pattern.cloneNode(true);
    this.objects.append(added);
    this.fill(added.querySelector("select"));
    this.numberObjects();
    added.querySelector("input").focus();
  }

  removeObject(button) {
    button.closest("[data-part=object]").remove();
    this.numberObjects();
    this.part("add").focus();
  }

  numberObjects() {
    const rows = [...this.objects.children];
    rows.forEach((row, index) => {
      row.querySelector("legend").textContent = `Object ${index + 1}`;
      row.querySelector("[data-part=remove]").hidden = rows.length === 1;
    });
  }

  /** Runs what a form is for, once at a time, and says what was wrong. */
  async onSubmit(event, work) {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("button:not([type])");
    button.disabled = true;
    this.tell(form, "");
    try {
      await work();
    } catch (error) {
      if (!(error instanceof UploadFailed)) throw error;
      this.tell(form, `${error.message}.`);
    } finally {
      button.disabled = false;
    }
  }

  tell(form, text) {
    form.querySelector("[role=alert]").textContent = text;
  }

  async upload() {
    const fields = new FormData(this.meshForm);
    const bar = this.part("progress");
    this.stopping = new AbortController();
    bar.value = 0;
    this.part("upload").hidden = false;
    this.part("uploaded").textContent = "";
    const onProgress = (done) => {
      bar.value = done;
      this.part("share").textContent = done < 1 ? `${Math.floor(done * 100)} %` : "checking";
    };
    try {
      const mesh = await new Upload(this.ask, { onProgress, signal: this.stopping.signal }).send(fields.get("file"), Number(fields.get("unit")));
      this.part("uploaded").textContent = `${mesh.name}: ${mesh.faces} faces, ${(mesh.extent_m * 1000).toFixed(0)} mm long.`;
      const others = (this.meshes ?? []).filter((one) => one.id !== mesh.id);
      this.offer([...others, mesh], mesh.id);
    } finally {
      this.part("upload").hidden = true;
    }
  }

  async create() {
    const fields = new FormData(this.jobForm);
    const [names, meshes] = [fields.getAll("object"), fields.getAll("mesh")];
    const objects = names.map((name, index) => ({ object_id: name, model: `mesh:${meshes[index]}` }));
    const body = { id: fields.get("name"), pool: fields.get("pool"), mode: fields.get("mode"), objects };
    const headers = { "Content-Type": "application/json" };
    const answer = await this.ask("/api/v1/jobs", { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer?.ok) throw new UploadFailed(await reasonOf(answer));
    this.onMade(await answer.json(), fields.get("start") === "box" ? names : []);
    this.jobForm.reset();
  }
}
