// Photographs that were given at once: each is searched once, one after the other, and keeps its answer.

import { ask } from "/console/server.js";
import { session } from "/console/session.js";
import { LEAST } from "/console/threshold.js";
import { read } from "/console/views/findings.js";

const MATCHES = 24;

/** `entries`: `{file, collection, query, raw, faces, failure, drafts}`, in the order given. `changed()` is called for each answer. */
export class Batch {
  constructor(files, { changed }) {
    this.changed = changed;
    this.entries = [...files].map((file) => ({ file, drafts: new Map(), ...unasked() }));
    this.begin();
    if (this.entries.length > 1) this.rest();
  }

  /** Its faces, left to right; what was asked already is not asked again. Throws Failure. */
  answer(entry) {
    if (!entry.asked || entry.collection !== session.collection) {
      entry.collection = session.collection;
      // Waits for those before it: a page takes one place of the service's, however many photographs it has.
      const { signal } = this.asking;
      entry.asked = this.turn.catch(() => {}).then(() => this.search(entry, signal));
      this.turn = entry.asked;
    }
    return entry.asked;
  }

  /** What was answered holds no longer: of one photograph, or of all. */
  forget(one = null) {
    for (const entry of this.entries) if (!one || one === entry) Object.assign(entry, unasked());
    if (one) return;
    this.leave();
    this.begin();
    if (this.entries.length > 1) this.rest();
  }

  leave() {
    this.asking.abort(new DOMException("Other photographs are wanted.", "AbortError"));
  }

  begin() {
    this.asking = new AbortController();
    this.turn = Promise.resolve();
  }

  rest() {
    queueMicrotask(() => {
      for (const entry of this.entries) this.answer(entry).catch(() => {});
    });
  }

  /** Asks for everything from the least threshold on; the slider then only chooses from it. */
  async search(entry, signal) {
    signal.throwIfAborted();
    const asked = entry.asked;
    entry.query = {
      collection: entry.collection, all_faces: true, max_faces: MATCHES, threshold: Math.min(LEAST, session.threshold),
    };
    try {
      const raw = await ask("/v1/search", { method: "POST", body: entry.file, query: entry.query, signal });
      if (entry.asked === asked) Object.assign(entry, { raw, faces: read(raw), failure: null });
      return raw;
    } catch (failure) {
      if (entry.asked === asked && !signal.aborted) entry.failure = failure;
      throw failure;
    } finally {
      if (!signal.aborted) this.changed();
    }
  }
}

function unasked() {
  return { asked: null, collection: null, query: null, raw: null, faces: null, failure: null };
}
