// The websocket: subscribes again after every break, with growing and jittered pauses.

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 10000;
const NOT_LET_IN = 4401;
const SILENCE_MS = 25000; // more than two heartbeats

/** Splits a binary message into its JSON header and the image that follows. */
export function splitFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, image: new Uint8Array(buffer, 4 + length) };
}

export class Connection {
  /** onMessage(object), onFrame(header, bytes), onState("connecting" | "open" | "closed"); account: who listens. */
  constructor(url, account, { onMessage, onFrame, onState }) {
    Object.assign(this, { url, account, onMessage, onFrame, onState });
    this.rooms = new Map(); // room -> how many of its messages may be under way
    this.pauseMs = FIRST_PAUSE_MS;
    this.clockAheadMs = 0; // the server's clock minus ours
    this.open();
  }

  /** `paced`: so many messages come before `done` is said of one; what is older than the newest is left out. */
  subscribe(room, paced) {
    this.rooms.set(room, paced);
    this.send({ subscribe: room, paced });
  }

  done(room) {
    this.send({ done: room });
  }

  unsubscribe(room) {
    this.rooms.delete(room);
    this.send({ unsubscribe: room });
  }

  /** The server's time, milliseconds since the epoch. */
  nowMs() {
    return Date.now() + this.clockAheadMs;
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  open() {
    this.onState("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.onState("open");
      this.heard();
      if (this.account.token) this.send({ token: this.account.token });
      for (const [room, paced] of this.rooms) this.send({ subscribe: room, paced });
    };
    socket.onmessage = (event) => {
      this.heard();
      this.take(event.data);
    };
    socket.onclose = async ({ code }) => {
      if (code === NOT_LET_IN) await this.account.renew();
      this.reopenLater();
    };
  }

  take(data) {
    if (typeof data !== "string") {
      const { header, image } = splitFrame(data);
      this.onFrame(header, image);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "hello") {
      this.pauseMs = FIRST_PAUSE_MS;
      this.clockAheadMs = Number(message.at_ns) / 1e6 - Date.now();
    }
    this.onMessage(message);
  }

  /** Begins anew, as whoever is logged in now. */
  again() {
    this.pauseMs = FIRST_PAUSE_MS;
    this.socket.close();
  }

  heard() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.close(), SILENCE_MS);
  }

  reopenLater() {
    clearTimeout(this.silence);
    this.onState("closed");
    setTimeout(() => this.open(), this.pauseMs * (0.5 + Math.random()));
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
