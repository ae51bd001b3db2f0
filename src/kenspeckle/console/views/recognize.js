// The view "Recognize": takes photographs, shows their faces and who they are. Kept alive while others are visited.

import { button, fill, foreign, h, number, plural } from "/console/dom.js";
import { intake } from "/console/intake.js";
import { announce, watched } from "/console/notices.js";
import { arrange, boxes, mark } from "/console/overlay.js";
import { close, decode, draw } from "/console/photograph.js";
import { ANY, current, may, onChange, session } from "/console/session.js";
import { threshold } from "/console/threshold.js";
import { Batch } from "/console/views/batch.js";
import { findings, passing, verdict } from "/console/views/findings.js";

let kept = null;

/** The view's element; the same one each time, so that photographs and answers are still there on the way back. */
export function view() {
  kept ??= new Recognize();
  return kept.element;
}

class Recognize {
  constructor() {
    this.batch = null;
    this.entry = null;
    this.photo = null;
    this.faces = [];
    this.chosen = null;
    this.showing = new AbortController();
    this.strip = h("div", { class: "photographs" });
    this.stage = h("div", { class: "stage" });
    this.status = h("div", { class: "status" });
    this.side = h("div", { class: "side" });
    this.lead = h("p", { class: "lead" });
    this.element = h("section", { class: "page recognize", dataset: { state: "empty" } });
    this.begin = h("div", { class: "begin" });
    this.intake = intake({
      title: "Drop photographs here, or paste one", hint: "A search stores nothing.", several: true,
      onphotos: (files) => this.open(files), view: this.element,
    });
    fill(this.element,
      h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Who is this?"), this.lead)),
      this.strip, this.stage, h("div", { class: "beside" }, this.status, this.side));
    this.dial = threshold({ onchange: () => this.judge(), faces: () => current()?.FaceCount ?? 0 });
    this.asked = h("div", { class: "status" });
    this.telling = h("label", { class: "check" },
      h("input", { type: "checkbox", onchange: (event) => { session.telling = event.target.checked; this.tell(); } }), "Age and expression");
    fill(this.stage, this.intake, this.begin);
    this.welcome();
    new ResizeObserver(() => this.arrange()).observe(this.stage);
    onChange(() => { this.welcome(); if (this.entry && this.entry.collection !== session.collection) this.again(); });
    import("/console/views/begin.js").then(({ begin }) => begin((file) => this.open([file])))
      .then((ways) => fill(this.begin, ways)).catch(() => {});
  }

  welcome() {
    const faces = current()?.FaceCount;
    if (faces === undefined) this.lead.textContent = "Every face is boxed at once, with who it is.";
    else if (faces) this.lead.textContent = `Compared with ${plural(faces, "face")} in the collection in use.`;
    else this.lead.textContent = "Nobody is known here yet. Begin with a photograph of one person, and give the face a name.";
  }

  /** New photographs: the first is shown as soon as it is decoded; all are searched, one after the other. */
  async open(files) {
    this.batch?.leave();
    this.batch = new Batch(files, { changed: () => this.drawStrip() });
    await this.show(this.batch.entries[0]);
  }

  /** One of them. It is searched at the same time as it is decoded, unless its answer is there. */
  async show(entry) {
    this.showing.abort(new DOMException("Another photograph is wanted.", "AbortError"));
    this.showing = new AbortController();
    close(this.photo);
    Object.assign(this, { photo: null, faces: [], chosen: null, entry });
    this.element.dataset.state = "busy";
    fill(this.side);
    fill(this.stage, h("div", { class: "photo waiting" }));
    this.drawStrip();
    this.decoding = decode(entry.file).then((photo) => this.decoded(entry, photo));
    await this.search();
  }

  /** Large photographs take a moment, in which another one may have come. */
  decoded(entry, photo) {
    if (this.entry !== entry) {
      close(photo);
      return;
    }
    this.photo = photo;
    this.paint();
  }

  paint() {
    const { file } = this.entry;
    this.canvas = draw(this.photo, `Photograph ${file.name || "without a name"}`);
    this.frame = h("div", { class: "photo" }, this.canvas);
    this.exports = h("span", { class: "exports" });
    fill(this.stage, this.frame,
      this.photo.bitmap ? null : h("p", { class: "caution" },
        "Your browser can’t show this kind of file. The faces are drawn where the server found them."),
      h("p", { class: "actions" }, button("Another photograph", { class: "plain", onclick: () => this.reset() }, "photo"), this.exports));
  }

  reset() {
    this.showing.abort(new DOMException("Another photograph is wanted.", "AbortError"));
    this.batch?.leave();
    close(this.photo);
    Object.assign(this, { batch: null, entry: null, photo: null, faces: [] });
    this.element.dataset.state = "empty";
    fill(this.stage, this.intake, this.begin);
    for (const one of [this.strip, this.status, this.side]) fill(one);
    this.intake.querySelector("button").focus();
  }

  /** Asks anew about all: a face got a name, or another collection is in use. */
  again() {
    this.batch.forget();
    return this.search();
  }

  async search() {
    const { entry } = this;
    this.showing.abort(new DOMException("Another search has begun.", "AbortError"));
    this.showing = new AbortController();
    const { signal } = this.showing;
    const given = await watched(this.status, "Looking for faces…", () => this.batch.answer(entry),
      { retry: () => { this.batch.forget(entry); this.search(); }, stop: () => this.reset(), signal }).catch(ignoreAbort);
    await this.decoding;
    if (signal.aborted || this.entry !== entry) return;
    if (!given) {
      this.element.dataset.state = "failed";
      return;
    }
    performance.mark("answer");
    this.faces = entry.faces;
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
      photo: this.photo, collection: this.entry.collection, onpoint: (index) => this.point(index),
      onenrolled: () => this.again(), status: this.status, drafts: this.entry.drafts,
    });
    const able = session.info.pack?.attributes_on_request?.length && may("search", ANY) && this.faces.length > 0;
    this.telling.firstElementChild.checked = session.telling;
    fill(this.asked);
    fill(this.side, this.dial, able && this.telling, able && this.asked, this.list.element);
    if (able) this.tell();
    fill(this.exports, this.faces.length > 0 && button("Save or share the result…", { class: "plain", onclick: () => this.share() }, "save"));
    if (left in this.faces) this.list.reveal(left);
    this.judge();
    announce(this.summary());
  }

  /** What the faces tell beyond who they are, asked for only while it is wanted. */
  async tell() {
    const { entry, list, faces } = this;
    if (!session.telling) {
      list.tell(null);
      return;
    }
    const { inPlace, sentence, told } = await import("/console/attributes.js");
    entry.told ??= told(entry.file, this.showing.signal);
    const details = await watched(this.asked, "Looking at age and expression…", () => entry.told,
      { retry: () => { entry.told = null; this.tell(); }, signal: this.showing.signal }).catch(ignoreAbort);
    if (!details) entry.told = null;
    else if (this.list === list && session.telling) {
      list.tell(faces.map(({ detail }) => {
        const found = inPlace(detail.BoundingBox, details);
        return (found && sentence(found)) || "Age and expression can’t be told of this face.";
      }));
      announce("Age and expression are told for each face.");
    }
  }

  /** Says anew who passes, without asking the server. */
  judge() {
    this.drawStrip();
    if (!this.faces.length) return;
    this.list.judge(session.threshold);
    this.faces.forEach((face, index) => {
      const told = verdict(face, index, session.threshold);
      for (const one of this.layer.querySelectorAll(`[data-face="${index}"]`)) Object.assign(one.dataset, { verdict: told.verdict, tier: told.tier });
      const box = this.layer.querySelector(`button[data-face="${index}"]`);
      box.setAttribute("aria-label", told.label);
      box.querySelector("bdi").textContent = told.tag;
    });
    this.arrange();
    this.dial.show(this.faces.flatMap((face) => face.matches.map((match) => match.Similarity)), this.summary());
  }

  /** Labels that have no room stand under the photograph, by number. */
  arrange() {
    if (!this.layer?.isConnected || this.element.dataset.state !== "done") return;
    const crowded = arrange(this.layer);
    // The boxes say the same to those who don't see it.
    fill(this.legend, crowded.map((index) => ({ index, ...verdict(this.faces[index], index, session.threshold) }))
      .filter((told) => told.verdict === "known")
      .map((told) => h("span", {}, h("b", {}, told.index + 1), " ", foreign(told.tag))));
  }

  summary() {
    const known = this.faces.filter((face) => passing(face, session.threshold).length).length;
    const faces = this.faces.filter((face) => !face.reasons);
    return `${known} of ${plural(faces.length, "face")} recognized at ${session.threshold}.`;
  }

  /** The photographs that were given, where there are several, each with what came of it. */
  drawStrip() {
    const entries = this.batch?.entries ?? [];
    if (entries.length < 2) {
      fill(this.strip);
      return;
    }
    const at = this.strip.contains(document.activeElement) ? [...this.strip.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    fill(this.strip, h("ul", { "aria-label": "Photographs" }, entries.map((entry) => h("li", {}, h("button", {
      type: "button", class: "plain small", "aria-pressed": String(entry === this.entry), onclick: () => this.show(entry),
    }, foreign(entry.file.name), h("span", { class: "fine" }, told(entry)))))));
    if (at >= 0) this.strip.querySelectorAll("button")[at]?.focus();
  }

  async share() {
    const { share } = await import("/console/views/share.js");
    share({ photo: this.photo, entry: this.entry, faces: this.faces });
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

function told({ faces, failure }) {
  if (failure) return "failed";
  if (!faces) return "…";
  const known = faces.filter((face) => passing(face, session.threshold).length).length;
  return faces.length ? `${number(known)} of ${number(faces.length)} known` : "no face";
}

function ignoreAbort(error) {
  if (error?.name !== "AbortError") throw error;
}
