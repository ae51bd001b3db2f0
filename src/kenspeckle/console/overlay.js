// Boxes and landmarks over a photograph: buttons at ratios of its size, walked through with the arrow keys.

import { foreign, h, place } from "/console/dom.js";

const LOW = 0.93;

/**
 * Puts a button over each face. A face: `{box, landmarks, verdict: "known"|"unknown"|"left-out", tier, label, tag}`.
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

/**
 * Keeps every label inside the photograph, and lets those that would cover another one show their number only.
 * Gives the indices of these.
 */
export function arrange(layer) {
  const tags = [...layer.querySelectorAll(".tag")];
  for (const tag of tags) {
    tag.classList.remove("numbered");
    tag.style.removeProperty("--shift");
  }
  const room = layer.getBoundingClientRect();
  const places = tags.map((tag) => tag.getBoundingClientRect());
  const taken = [];
  const crowded = [];
  places.forEach(({ left, right, top, bottom }, index) => {
    const shift = left < room.left ? room.left - left : right > room.right ? room.right - right : 0;
    const spot = { left: left + shift, right: right + shift, top, bottom };
    if (right - left > room.width || taken.some((one) => overlap(one, spot))) {
      tags[index].classList.add("numbered");
      crowded.push(index);
    } else {
      if (shift) tags[index].style.setProperty("--shift", `${shift}px`);
      taken.push(spot);
    }
  });
  if (crowded.length * 2 <= tags.length) return crowded;
  // Where most have no room, one way for all is easier to read.
  for (const tag of tags) tag.classList.add("numbered");
  return tags.map((_, index) => index);
}

function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

function box(face, index, { onpick, onpoint }) {
  const element = h("button", {
    type: "button", class: "box", tabindex: -1, "aria-label": face.label,
    // Near the lower edge the name stands inside the box.
    dataset: { face: index, verdict: face.verdict, tier: face.tier ?? "", low: face.box.Top + face.box.Height > LOW },
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
