// Boxes and landmarks over a photograph: buttons at ratios of its size, walked through with the arrow keys.

import { foreign, h, place } from "/console/dom.js";

const LOW = 0.93;

/**
 * Puts a button over each face. A face: `{box, landmarks, verdict: "known"|"unknown"|"left-out", label, tag}`.
 * `onpick(index)` is called for a click or Enter, `onpoint(index or null)` for the pointer and the focus.
 */
export function boxes(faces, { onpick, onpoint = () => {} }) {
  const buttons = faces.map((face, index) => box(face, index, { onpick, onpoint }));
  if (buttons.length) buttons[0].tabIndex = 0;
  const layer = h("div", { class: "overlay", role: "group", "aria-label": "Faces in the photograph" },
    buttons,
    h("div", { class: "landmarks", "aria-hidden": "true" }, faces.map((face, index) => landmarks(face, index))));
  layer.addEventListener("keydown", (event) => walk(event, buttons));
  return layer;
}

/** Marks one face of a layer, or none (null). */
export function mark(layer, index) {
  for (const one of layer.querySelectorAll("[data-face]")) {
    one.classList.toggle("chosen", Number(one.dataset.face) === index);
  }
}

function box(face, index, { onpick, onpoint }) {
  const element = h("button", {
    type: "button", class: "box", tabindex: -1, "aria-label": face.label,
    // A small box has room for the number only. Near the lower edge the name stands inside the box.
    dataset: { face: index, verdict: face.verdict, low: face.box.Top + face.box.Height > LOW },
    onclick: () => onpick(index),
    onpointerenter: () => onpoint(index), onpointerleave: () => onpoint(null),
    onfocus: () => onpoint(index), onblur: () => onpoint(null),
  }, h("span", { class: "tag", "aria-hidden": "true", dataset: { number: index + 1 } }, foreign(face.tag)));
  return place(element, { left: face.box.Left, top: face.box.Top, width: face.box.Width, height: face.box.Height });
}

function landmarks(face, index) {
  return (face.landmarks ?? []).map((point) =>
    place(h("i", { dataset: { face: index, verdict: face.verdict } }), { left: point.X, top: point.Y }));
}

function walk(event, buttons) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const from = buttons.indexOf(document.activeElement);
  if (!step || from < 0) return;
  event.preventDefault();
  const to = buttons[(from + step + buttons.length) % buttons.length];
  buttons[from].tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}
