// The view "Compare": two photographs, and how alike the largest face of one is to each face of the other.

import { button, fill, h, number, plural } from "/console/dom.js";
import { intake } from "/console/intake.js";
import { announce, watched } from "/console/notices.js";
import { boxes, mark } from "/console/overlay.js";
import { close, crop, decode, draw } from "/console/photograph.js";
import { ask } from "/console/server.js";
import { session } from "/console/session.js";
import { falseMatchRate, odds, tier } from "/console/similarity.js";
import { threshold } from "/console/threshold.js";

const SIDE = 176;

/** The view's element. Both photographs stay until the view is left. */
export function view({ signal }) {
  return new Comparison(signal).element;
}

class Comparison {
  constructor(signal) {
    this.signal = signal;
    this.answer = null;
    this.asking = new AbortController();
    this.source = this.side("source", "Whose face is it?", "Its largest face is compared.");
    this.target = this.side("target", "Where might it be?", "Every face in it is compared.");
    this.result = h("div", { class: "result" });
    this.status = h("div", { class: "status" });
    this.dial = threshold({ onchange: () => this.judge() });
    this.element = h("section", { class: "page comparing" },
      h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Is it the same person?"),
        h("p", { class: "lead" }, "Two photographs, side by side. Nothing is stored."))),
      h("div", { class: "halves" }, this.source.place, this.target.place), this.status, this.result);
    document.addEventListener("paste", (event) => this.paste(event), { signal });
    signal.addEventListener("abort", () => { close(this.source.photo); close(this.target.photo); }, { once: true });
  }

  side(name, title, hint) {
    const field = intake({ title, hint, onphoto: (file) => this.open(this[name], file), signal: this.signal });
    field.classList.add("small");
    return { photo: null, file: null, intake: field, place: h("div", { class: "stage", role: "group", "aria-label": title }, field) };
  }

  paste(event) {
    const [file] = event.clipboardData?.files ?? [];
    if (file && !document.querySelector("dialog[open]")) this.open(this.source.photo ? this.target : this.source, file);
  }

  async open(side, file) {
    this.forget(side);
    side.file = file;
    const photo = await decode(file);
    if (side.file !== file) {
      close(photo);
      return;
    }
    side.photo = photo;
    side.frame = h("div", { class: "photo" }, draw(side.photo, `Photograph ${file.name}`));
    fill(side.place, side.frame, h("p", { class: "actions" },
      button("Another photograph", { class: "plain small", onclick: () => this.clear(side) }, "photo")));
    await this.compare();
  }

  clear(side) {
    this.forget(side);
    fill(side.place, side.intake);
    side.intake.querySelector("button").focus();
  }

  /** One photograph goes, and with it whatever was or is asked about it: a late answer finds nothing to be drawn on. */
  forget(side) {
    this.asking.abort(new DOMException("Another photograph is wanted.", "AbortError"));
    close(side.photo);
    Object.assign(side, { photo: null, file: null });
    this.answer = null;
    for (const one of [this.source, this.target]) one.frame?.querySelector(".overlay")?.remove();
    fill(this.status);
    fill(this.result);
  }

  async compare() {
    if (!this.source.photo || !this.target.photo) return;
    this.asking.abort(new DOMException("Another comparison has begun.", "AbortError"));
    this.asking = new AbortController();
    const { asking } = this;
    const signal = AbortSignal.any([this.signal, asking.signal]);
    const body = new FormData();
    body.append("source", this.source.file);
    body.append("target", this.target.file);
    const answer = await watched(this.status, "Comparing…",
      // From 0 on: the slider then only chooses from what there is.
      () => ask("/v1/compare", { method: "POST", body, query: { threshold: 0 }, signal }),
      { retry: () => this.compare(), signal, stop: () => asking.abort(new DOMException("Stopped.", "AbortError")) })
      .catch((error) => { if (error?.name !== "AbortError") throw error; });
    if (!answer || signal.aborted) return;
    this.answer = answer;
    this.present();
  }

  present() {
    const { answer, source, target } = this;
    source.frame.append(boxes([{
      box: answer.SourceImageFace.BoundingBox, verdict: "known", label: "The face that is compared", tag: "This face",
    }], { onpick: () => {} }));
    target.layer = boxes(answer.FaceMatches.map(marked), { onpick: (index) => mark(target.layer, index) });
    target.frame.append(target.layer);
    this.judge();
    announce(this.result.querySelector("h2").textContent);
  }

  /** Says anew what passes, without asking the server. */
  judge() {
    if (!this.answer) return;
    const { answer, source, target } = this;
    answer.FaceMatches.forEach((match, index) => {
      const { verdict, label } = marked(match, index);
      for (const one of target.layer.querySelectorAll(`[data-face="${index}"]`)) one.dataset.verdict = verdict;
      target.layer.querySelector(`button[data-face="${index}"]`).setAttribute("aria-label", label);
    });
    const passed = answer.FaceMatches.filter((match) => match.Similarity >= session.threshold).length;
    // The slider stays where it is, with the focus, while its verdict changes.
    const verdict = verdictOf(answer, source, target);
    if (this.dial.isConnected) this.result.querySelector(".verdict").replaceWith(verdict);
    else fill(this.result, h("div", { class: "halves" }, verdict, this.dial));
    this.dial.show(answer.FaceMatches.map((match) => match.Similarity),
      `${passed} of ${plural(answer.FaceMatches.length, "face")} pass at ${session.threshold}.`);
  }
}

function marked({ Similarity, Face }, index) {
  const passes = Similarity >= session.threshold;
  return {
    box: Face.BoundingBox, landmarks: Face.Landmarks, verdict: passes ? "known" : "unknown",
    label: `Face ${index + 1}: similarity ${number(Similarity, 1)}${passes ? "" : ", below the threshold"}`,
    tag: number(Similarity, 1),
  };
}

function verdictOf(answer, source, target) {
  const [best] = answer.FaceMatches;
  const passes = best.Similarity >= session.threshold;
  return h("div", { class: "sheet verdict", dataset: { verdict: passes ? "known" : "unknown" } },
    h("div", { class: "pair" },
      crop(source.photo, answer.SourceImageFace.BoundingBox, SIDE, "The face of the first photograph"),
      crop(target.photo, best.Face.BoundingBox, SIDE, "The most similar face of the second"),
      h("p", { class: "similarity" }, number(best.Similarity, 1)), h("p", { class: "soft" }, tier(best.Similarity))),
    h("h2", {}, passes ? "Alike enough for your threshold" : "Not alike enough for your threshold"),
    h("p", { class: "soft" }, rarity(best.Similarity), " A similarity is a hint and never proof."));
}

function rarity(similarity) {
  const rate = falseMatchRate(similarity);
  if (rate === null) return "More than 1 in 1,000 pairs of strangers are as alike as these two.";
  return similarity > 99 ? "Fewer than 1 in 1,000,000 pairs of strangers are as alike as these two."
    : `Of pairs of strangers, ${odds(rate)} is as alike as these two.`;
}
