// Plays a stretch of a run again: frames that Kafka still holds, with the poses that were stored with them.

import { splitFrame } from "./connection.js";
import { reasonOf } from "./upload.js";

const PAGE_FRAMES = 16;
const LONGEST_PAUSE_MS = 1000; // a gap in the stream is not sat out

/** The frame messages of one answer: each behind its length. */
export function* splitPage(buffer) {
  for (let at = 0; at < buffer.byteLength; ) {
    const length = new DataView(buffer).getUint32(at, true);
    yield splitFrame(buffer.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
}

export class Playback {
  /** ask: as fetch; onFrame(header, bitmap); onEnd(text): how it ended, in words. */
  constructor(ask, { onFrame, onEnd }) {
    Object.assign(this, { ask, onFrame, onEnd, stopping: null });
  }

  get running() {
    return this.stopping !== null;
  }

  /** Plays frames `first` to `last` of a run, `speed` times as fast as they were taken; what ran before is stopped. */
  async play(job, run, first, last, speed) {
    this.stop();
    const stopping = new AbortController();
    this.stopping = stopping;
    let text = "";
    try {
      const shown = await this.showAll(job, run, first, last, speed, stopping.signal);
      text = shown ? `${shown} frames played.` : "Kafka holds none of these frames any more.";
    } catch (error) {
      if (!stopping.signal.aborted) text = `Not played: ${error.message}.`;
    }
    if (this.stopping !== stopping) return; // stopped, or another was begun
    this.stopping = null;
    this.onEnd(text);
  }

  stop() {
    this.stopping?.abort();
    this.stopping = null;
  }

  async showAll(job, run, first, last, speed, signal) {
    let shown = 0;
    let before = null; // {atMs, capturedMs} of the frame shown last
    let coming = this.page(job, run, first - 1, last, signal);
    while (coming) {
      const { buffer, lastSeq } = await coming;
      coming = lastSeq === null || lastSeq >= last ? null : this.page(job, run, lastSeq, last, signal);
      coming?.catch(() => {}); // told when it is waited for
      for (const { header, image } of splitPage(buffer)) {
        const bitmap = await createImageBitmap(new Blob([image], { type: `image/${header.codec}` }));
        before = await inTime(before, Number(header.captured_ns) / 1e6, speed);
        if (!signal.aborted) this.onFrame(header, bitmap);
        bitmap.close();
        signal.throwIfAborted();
        shown += 1;
      }
    }
    return shown;
  }

  /** Frames after a number; lastSeq is null where there is nothing more. */
  async page(job, run, afterSeq, last, signal) {
    const asked = new URLSearchParams({ run, after_seq: afterSeq, last_seq: last, limit: PAGE_FRAMES });
    const answer = await this.ask(`/api/jobs/${encodeURIComponent(job)}/frames?${asked}`, { signal });
    if (!answer?.ok) throw new Error(await reasonOf(answer));
    const lastSeq = answer.headers.get("X-Last-Seq");
    return { buffer: await answer.arrayBuffer(), lastSeq: lastSeq === null ? null : Number(lastSeq) };
  }
}

/** Waits until a frame is due after the one before it. */
async function inTime(before, capturedMs, speed) {
  const now = performance.now();
  if (!before) return { atMs: now, capturedMs };
  const step = Math.min(LONGEST_PAUSE_MS, Math.max(0, (capturedMs - before.capturedMs) / speed));
  const due = Math.max(now, before.atMs + step);
  if (due > now) await new Promise((resolve) => setTimeout(resolve, due - now));
  else await new Promise(requestAnimationFrame); // the page stays alive
  return { atMs: due, capturedMs };
}
