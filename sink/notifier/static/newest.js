// Decodes one frame at a time; of those that come meanwhile only the newest is kept.

export class Newest {
  /** onFrame(header, bitmap); onDone(header): a frame was shown or left out; onProblem(text). */
  constructor({ onFrame, onDone, onProblem }) {
    Object.assign(this, { onFrame, onDone, onProblem, next: null, decoding: false });
  }

  /** Drops what waits. */
  clear() {
    this.next = null;
  }

  async take(header, image) {
    if (this.next) this.onDone(header); // the one before is not shown
    this.next = { header, image };
    if (this.decoding) return;
    this.decoding = true;
    while (this.next) {
      const { header: mine, image: bytes } = this.next;
      this.next = null;
      try {
        const bitmap = await createImageBitmap(new Blob([bytes], { type: `image/${mine.codec}` }));
        this.onFrame(mine, bitmap);
        bitmap.close();
        await new Promise(requestAnimationFrame);
      } catch (error) {
        this.onProblem(`Frame ${mine.seq} cannot be shown: ${error.message}`);
      }
      this.onDone(mine);
    }
    this.decoding = false;
  }
}
