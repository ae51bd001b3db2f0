// The view "Recognize": takes a photograph, shows its faces and who they are. Kept alive while others are visited.

import { button, fill, foreign, h, plural } from "/console/dom.js";
import { intake } from "/console/intake.js";
import { announce, watched } from "/console/notices.js";
import { boxes, mark } from "/console/overlay.js";
import { close, decode, draw } from "/console/photograph.js";
import { ask } from "/console/server.js";
import { current, onChange, session } from "/console/session.js";
import { LEAST, threshold } from "/console/threshold.js";
import { findings, passing, read, verdict } from "/console/views/findings.js";

const MATCHES = 12;
// Share of the photograph’s width below which a box has no room for a name on a phone.
const NARROW = 0.14;

let kept = null;

/** The view's element; the same one each time, so that photograph and answer are still there on the way back. */
export function view() {
  kept ??= new Recognize();
  return kept.element;
}

class Recognize {
  constructor() {
    this.photo = null;
    this.file = null;
    this.faces = [];
    this.chosen = null;
    this.drafts = new Map();
    this.asking = new AbortController();
    this.stage = h("div", { class: "stage" });
    this.status = h("div", { class: "status" });
    this.side = h("div", { class: "side" });
    this.lead = h("p", { class: "lead" });
    this.element = h("section", { class: "page recognize", dataset: { state: "empty" } });
    this.intake = intake({
      title: "Drop a photograph here, or paste one", onphoto: (file) => this.open(file), view: this.element,
    });
    fill(this.element,
      h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Who is this?"), this.lead)),
      this.stage, h("div", { class: "beside" }, this.status, this.side));
    this.dial = threshold({ onchange: () => this.judge(), faces: () => current()?.FaceCount ?? 0 });
    fill(this.stage, this.intake);
    this.welcome();
    onChange(() => { this.welcome(); if (this.file && this.collection !== session.collection) this.search(); });
  }

  welcome() {
    const faces = current()?.FaceCount;
    if (faces === undefined) this.lead.textContent = "Every face is boxed at once, with who it is.";
    else if (faces) this.lead.textContent = `Compared with ${plural(faces, "face")} in the collection in use.`;
    else this.lead.textContent = "Nobody is known here yet. Begin with a photograph of one person, and give the face a name.";
  }

  /** A new photograph: shown as soon as it is decoded, searched at the same time. */
  async open(file) {
    close(this.photo);
    this.photo = null;
    this.faces = [];
    this.element.dataset.state = "busy";
    fill(this.side);
    fill(this.stage, h("div", { class: "photo waiting" }));
    this.chosen = null;
    this.drafts = new Map();
    this.file = file;
    this.decoding = decode(file).then((photo) => this.decoded(file, photo));
    await this.search();
  }

  /** Large photographs take a moment, in which another one may have come. */
  decoded(file, photo) {
    if (this.file !== file) {
      close(photo);
      return;
    }
    this.photo = photo;
    this.paint();
  }

  paint() {
    const name = this.file.name || "the photograph";
    this.canvas = draw(this.photo, `Photograph ${name}`);
    this.frame = h("div", { class: "photo" }, this.canvas);
    fill(this.stage, this.frame,
      this.photo.bitmap ? null : h("p", { class: "caution" },
        "Your browser can’t show this kind of file. The faces are drawn where the server found them."),
      h("p", { class: "actions" }, button("Another photograph", { class: "plain", onclick: () => this.reset() }, "photo")));
  }

  reset() {
    this.asking.abort(new DOMException("Another photograph is wanted.", "AbortError"));
    close(this.photo);
    this.photo = null;
    this.file = null;
    this.faces = [];
    this.element.dataset.state = "empty";
    fill(this.stage, this.intake);
    fill(this.status);
    fill(this.side);
    this.intake.querySelector("button").focus();
  }

  /** Asks once for everything from the least threshold on; the slider then only chooses from it. */
  async search() {
    this.asking.abort(new DOMException("Another search has begun.", "AbortError"));
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.collection = session.collection;
    const query = {
      collection: this.collection, all_faces: true, max_faces: MATCHES, threshold: Math.min(LEAST, session.threshold),
    };
    const answer = await watched(this.status, "Looking for faces…",
      () => ask("/v1/search", { method: "POST", body: this.file, query, signal }),
      { retry: () => this.search(), stop: () => this.reset(), signal }).catch(ignoreAbort);
    await this.decoding;
    if (signal.aborted) return;
    if (!answer) {
      this.element.dataset.state = "failed";
      return;
    }
    performance.mark("answer");
    this.faces = read(answer);
    this.present();
    // After the frame in which the boxes are painted: what benchmarks/console.py reads.
    requestAnimationFrame(() => setTimeout(() => performance.mark("boxes-shown")));
  }

  present() {
    this.element.dataset.state = "done";
    this.layer?.remove();
    this.layer = boxes(this.faces.map((face, index) => verdict(face, index, session.threshold)), {
      onpick: (index) => this.pick(index, true), onpoint: (index) => this.point(index),
    });
    this.frame.append(this.layer);
    this.legend?.remove();
    this.legend = h("p", { class: "legend", "aria-hidden": "true" });
    this.frame.after(this.legend);
    const left = this.list?.focused() ?? -1;
    this.list = findings(this.faces, {
      photo: this.photo, collection: this.collection, onpoint: (index) => this.point(index),
      onenrolled: () => this.search(), status: this.status, drafts: this.drafts,
    });
    fill(this.side, this.dial, this.list.element);
    if (left in this.faces) this.list.reveal(left);
    this.judge();
    announce(this.summary());
  }

  /** Says anew who passes, without asking the server. */
  judge() {
    if (!this.faces.length) return;
    this.list.judge(session.threshold);
    this.faces.forEach((face, index) => {
      const told = verdict(face, index, session.threshold);
      for (const one of this.layer.querySelectorAll(`[data-face="${index}"]`)) one.dataset.verdict = told.verdict;
      const box = this.layer.querySelector(`button[data-face="${index}"]`);
      box.setAttribute("aria-label", told.label);
      box.querySelector("bdi").textContent = told.tag;
    });
    // The boxes say the same to those who don't see it.
    fill(this.legend, this.faces.map((face, index) => ({ index, ...verdict(face, index, session.threshold) }))
      .filter((told) => told.verdict === "known" && told.box.Width < NARROW)
      .map((told) => h("span", {}, h("b", {}, told.index + 1), " ", foreign(told.tag))));
    this.dial.show(this.faces.flatMap((face) => face.matches.map((match) => match.Similarity)), this.summary());
  }

  summary() {
    const known = this.faces.filter((face) => passing(face, session.threshold).length).length;
    const faces = this.faces.filter((face) => !face.reasons);
    return `${known} of ${plural(faces.length, "face")} recognized at ${session.threshold}.`;
  }

  point(index) {
    mark(this.layer, index ?? this.chosen);
    this.list.mark(index ?? this.chosen);
  }

  pick(index, reveal) {
    this.chosen = index;
    this.point(index);
    if (reveal) this.list.reveal(index);
  }
}

function ignoreAbort(error) {
  if (error?.name !== "AbortError") throw error;
}
