// Who looks at the page: log-in, tokens and their renewal, where the service has accounts.

const KEPT = "posestream-tokens"; // of this tab, until it is closed

export class Account {
  /** form: asks for name and password; onChange(): somebody logged in or out. */
  constructor(form, { onChange, onName }) {
    Object.assign(this, { form, onChange, onName, renewing: null });
    this.tokens = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.logIn(new FormData(form));
    });
    if (this.tokens) this.tellName();
  }

  /** The access token; null without accounts, or before the log-in. */
  get token() {
    return this.tokens?.access_token ?? null;
  }

  /** fetch as whoever is logged in; asks for a log-in where the service wants one. Null where nobody answers. */
  async ask(path, options = {}) {
    let answer = await this.fetchAs(path, options);
    if (answer?.status === 401 && (await this.renew())) answer = await this.fetchAs(path, options);
    if (answer?.status === 401) this.forget();
    return answer;
  }

  fetchAs(path, options) {
    const headers = { ...options.headers, ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}) };
    return fetch(path, { ...options, headers }).catch(() => null);
  }

  /** A new pair for the old one, asked for once however many want it; false where that is over. */
  renew() {
    this.renewing ??= this.exchange().finally(() => (this.renewing = null));
    return this.renewing;
  }

  async exchange() {
    if (!this.tokens) return false;
    const answer = await post("/api/v1/refresh", { refresh_token: this.tokens.refresh_token });
    if (!answer?.ok) return false;
    this.keep(await answer.json());
    return true;
  }

  async logIn(fields) {
    const answer = await post("/api/v1/login", { name: fields.get("name"), password: fields.get("password") });
    const said = (await answer?.json().catch(() => null)) ?? {};
    this.form.querySelector("[role=alert]").textContent = answer?.ok ? "" : (said.detail ?? "The service does not answer.");
    if (!answer?.ok) return;
    this.keep(said);
    this.form.reset();
    this.form.hidden = true;
    this.tellName();
    this.onChange();
  }

  async logOut() {
    await this.fetchAs("/api/v1/logout", { method: "POST" });
    this.forget();
    this.onChange();
  }

  async tellName() {
    const answer = await this.ask("/api/v1/me");
    if (!answer?.ok) return;
    const { name, role } = await answer.json();
    this.onName(name, role);
  }

  keep(tokens) {
    this.tokens = tokens;
    sessionStorage.setItem(KEPT, JSON.stringify(tokens));
  }

  forget() {
    this.tokens = null;
    sessionStorage.removeItem(KEPT);
    this.onName(null);
    if (!this.form.hidden) return;
    this.form.hidden = false;
    this.form.elements.name.focus();
  }
}

function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
}
