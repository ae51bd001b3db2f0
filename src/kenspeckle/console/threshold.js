// The threshold as a slider: what it lets through, and which of the similarities on the table pass.

import { h, place } from "/console/dom.js";
import { inCollection, meaning, odds, falseMatchRate } from "/console/similarity.js";
import { session } from "/console/session.js";

export const LEAST = 50;
const PRESETS = [80, 90, 95, 99];

/**
 * A slider over `session.threshold`. `onchange(threshold)` is called while it moves. The element has a method
 * `show(similarities, summary)`, which draws a tick for each and says what passes.
 */
export function threshold({ onchange, faces = () => 0 }) {
  const range = h("input", {
    type: "range", id: `threshold-${crypto.randomUUID()}`, min: Math.min(LEAST, session.threshold), max: 100, step: 0.5,
    value: session.threshold,
  });
  const reading = h("output", { for: range.id, class: "reading" });
  const explained = h("p", { class: "explained" });
  const summary = h("p", { class: "summary" });
  const strip = h("div", { class: "strip", "aria-hidden": "true" });
  const presets = PRESETS.map((value) => h("button", {
    type: "button", class: "preset", dataset: { value }, onclick: () => move(value),
    "aria-label": `Threshold ${value}: ${odds(falseMatchRate(value))}`,
  }, h("b", {}, value), h("span", {}, odds(falseMatchRate(value)))));

  const move = (value) => {
    session.threshold = Number(value);
    range.value = value;
    tell();
    onchange(session.threshold);
  };
  const tell = () => {
    const value = session.threshold;
    reading.textContent = String(value);
    explained.textContent = [meaning(value), inCollection(value, faces())].filter(Boolean).join(" ");
    range.setAttribute("aria-valuetext", `${value}. ${meaning(value)}`);
    range.style.setProperty("--at", `${((value - range.min) / (range.max - range.min)) * 100}%`);
    for (const one of presets) one.classList.toggle("chosen", Number(one.dataset.value) === value);
    for (const one of strip.children) one.classList.toggle("passes", Number(one.dataset.value) >= value);
  };
  range.addEventListener("input", () => move(Number(range.value)));

  const element = h("section", { class: "threshold", "aria-label": "Threshold" },
    h("div", { class: "threshold-head" }, h("label", { for: range.id }, "Threshold"), reading),
    h("div", { class: "track" }, strip, range),
    summary,
    // On a phone the answers come first.
    h("details", { class: "options meaning", open: matchMedia("(min-width: 62rem)").matches }, h("summary", {}, "What it means"),
      h("div", { class: "presets", role: "group", "aria-label": "Usual thresholds" }, presets), explained));
  element.show = (similarities, words) => {
    const span = range.max - range.min;
    strip.replaceChildren(...similarities.filter((one) => one >= range.min).map((one) =>
      place(h("i", { dataset: { value: one } }), { left: (one - range.min) / span })));
    summary.textContent = words;
    tell();
  };
  tell();
  return element;
}
