// The view "Compare": two photographs, and how alike the largest face of one is to each face of the other.

import { button, fill, h, number, plural } from "/console/dom.js";
import { intake } from "/console/intake.js";
import { announce, watched } from "/console/notices.js";
import { boxes, mark } from "/console/overlay.js";
import { close, crop, decode, draw } from "/console/photograph.js";
import { ask } from "/console/server.js";
import { session } from "/console/session.js";
import { falseMatchRate, odds } from "/console/similarity.js";
import { threshold } from "/console/threshold.js";

const SIDE = 176;

/** Both photographs stay until the view is left. */
export function view({ signal }) {
  const sides = {
    source: { title: "Whose face is it?", hint: "Its largest face is compared.", photo: null },
    target: { title: "Where might it be?", hint: "Every face in it is compared.", photo: null },
  };
  const result = h("div", { class: "result" });
  const status = h("div", { class: "status" });
  let answer = null;
  let asking = new AbortController();
  const dial = threshold({ onchange: () => judge() });

  async function open(name, file) {
    const side = sides[name];
    close(side.photo);
    side.photo = await decode(file);
    side.file = file;
    show(side, name);
    await compare();
  }

  function show(side, name) {
    side.frame = h("div", { class: "photo" }, draw(side.photo, `Photograph ${side.file.name}`));
    fill(side.place, side.frame, h("p", { class: "actions" },
      button("Another photograph", { class: "plain small", onclick: () => clear(name) }, "photo")));
  }

  function clear(name) {
    const side = sides[name];
    close(side.photo);
    side.photo = null;
    answer = null;
    fill(side.place, side.intake);
    fill(result);
    side.intake.querySelector("button").focus();
  }

  async function compare() {
    if (!sides.source.photo || !sides.target.photo) return;
    asking.abort(new DOMException("Another comparison has begun.", "AbortError"));
    asking = new AbortController();
    const form = new FormData();
    form.append("source", sides.source.file);
    form.append("target", sides.target.file);
    const either = AbortSignal.any([signal, asking.signal]);
    fill(result);
    for (const side of Object.values(sides)) side.frame.querySelector(".overlay")?.remove();
    answer = await watched(status, "Comparing…",
      // From 0 on: the slider then only chooses from what there is.
      () => ask("/v1/compare", { method: "POST", body: form, query: { threshold: 0 }, signal: either }),
      { retry: compare, signal: either, stop: () => asking.abort(new DOMException("Stopped.", "AbortError")) })
      .catch((error) => { if (error?.name !== "AbortError") throw error; });
    if (answer) present();
  }

  function present() {
    const { source, target } = sides;
    source.frame.append(boxes([{
      box: answer.SourceImageFace.BoundingBox, verdict: "known", label: "The face that is compared", tag: "This face",
    }], { onpick: () => {} }));
    target.layer = boxes(answer.FaceMatches.map((match, index) => marked(match, index)), {
      onpick: (index) => mark(target.layer, index),
    });
    target.frame.append(target.layer);
    judge();
    announce(result.querySelector("h2").textContent);
  }

  function judge() {
    if (!answer) return;
    const { source, target } = sides;
    answer.FaceMatches.forEach((match, index) => {
      const { verdict, label } = marked(match, index);
      for (const one of target.layer.querySelectorAll(`[data-face="${index}"]`)) one.dataset.verdict = verdict;
      target.layer.querySelector(`button[data-face="${index}"]`).setAttribute("aria-label", label);
    });
    const passed = answer.FaceMatches.filter((match) => match.Similarity >= session.threshold).length;
    fill(result, h("div", { class: "halves" }, verdictOf(answer, source, target), dial));
    dial.show(answer.FaceMatches.map((match) => match.Similarity),
      `${passed} of ${plural(answer.FaceMatches.length, "face")} pass at ${session.threshold}.`);
  }

  for (const [name, side] of Object.entries(sides)) {
    side.intake = intake({ title: side.title, hint: side.hint, onphoto: (file) => open(name, file), signal });
    side.intake.classList.add("small");
    side.place = h("div", { class: "stage", role: "group", "aria-label": side.title }, side.intake);
  }
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (file) open(sides.source.photo ? "target" : "source", file);
  }, { signal });
  signal.addEventListener("abort", () => { close(sides.source.photo); close(sides.target.photo); }, { once: true });
  return h("section", { class: "page comparing" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Is it the same person?"),
      h("p", { class: "lead" }, "Two photographs, side by side. Nothing is stored."))),
    h("div", { class: "halves" }, sides.source.place, sides.target.place), status, result);
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
      h("p", { class: "similarity" }, number(best.Similarity, 1))),
    h("h2", {}, passes ? "Alike enough for your threshold" : "Not alike enough for your threshold"),
    h("p", { class: "soft" }, rarity(best.Similarity), " A similarity is a hint and never proof."));
}

function rarity(similarity) {
  const rate = falseMatchRate(similarity);
  if (rate === null) return "More than 1 in 1,000 pairs of strangers are as alike as these two.";
  return similarity > 99 ? "Fewer than 1 in 1,000,000 pairs of strangers are as alike as these two."
    : `Of pairs of strangers, ${odds(rate)} is as alike as these two.`;
}
