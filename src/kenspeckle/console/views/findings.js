// The faces of a searched photograph as a list: each beside who it is, how alike, how good, and with a way to name it.

import { fill, foreign, h, icon, number } from "/console/dom.js";
import { fact } from "/console/dialogs.js";
import { reason, shown } from "/console/names.js";
import { crop } from "/console/photograph.js";
import { thumbnail } from "/console/pictures.js";
import { may } from "/console/session.js";
import { tier } from "/console/similarity.js";
import { faceLink } from "/console/tiles.js";
import { enrolment } from "/console/views/enrol.js";

const SIDE = 176;
const OTHERS = 5;

/** The faces of `/v1/search?all_faces=true`: those that were searched, largest first, then those that were not. */
export function read(answer) {
  const searched = answer.searches.map((search, index) => ({
    detail: answer.details[index], matches: search.FaceMatches, reasons: null,
  }));
  const left = answer.unsearched.map((one) => ({ detail: one.FaceDetails, matches: [], reasons: one.Reasons }));
  return [...searched, ...left];
}

/** The matches of a face that pass. */
export function passing(face, threshold) {
  return face.matches.filter((match) => match.Similarity >= threshold);
}

/** How a face is drawn on the photograph. */
export function verdict(face, index, threshold) {
  const { BoundingBox: box, Landmarks: landmarks } = face.detail;
  const best = passing(face, threshold)[0];
  if (face.reasons) {
    const why = face.reasons.map(reason).join(" ");
    return { box, landmarks, verdict: "left-out", label: `Face ${index + 1}: not searched. ${why}`, tag: "Not searched" };
  }
  if (!best) return { box, landmarks, verdict: "unknown", label: `Face ${index + 1}: nobody known`, tag: String(index + 1) };
  const name = shown(best.Face.ExternalImageId);
  return { box, landmarks, verdict: "known", label: `Face ${index + 1}: ${name}, ${number(best.Similarity, 1)}`, tag: name };
}

/**
 * `{element, judge(threshold), mark(index), focused(), reveal(index)}`. `drafts` keeps names that were typed and not sent
 * yet by index, so that naming one face does not lose those of the others.
 */
export function findings(faces, context) {
  const cards = faces.map((face, index) => card(face, index, { faces, ...context }));
  const element = h("ol", { class: "findings", "aria-label": "Faces" }, cards.map((one) => one.element));
  return {
    element,
    judge: (threshold) => cards.forEach((one) => one.judge(threshold)),
    mark: (index) => cards.forEach((one, at) => one.element.classList.toggle("chosen", at === index)),
    focused: () => cards.findIndex((one) => one.element.contains(document.activeElement)),
    reveal: (index) => {
      cards[index].element.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
      cards[index].element.focus({ preventScroll: true });
    },
  };
}

function card(face, index, context) {
  const head = h("div", { class: "pair" });
  const others = h("div", { class: "others" });
  const element = h("li", {
    class: "finding", tabindex: -1, dataset: { number: index + 1 },
    onpointerenter: () => context.onpoint(index), onpointerleave: () => context.onpoint(null),
    onfocusin: () => context.onpoint(index), onfocusout: () => context.onpoint(null),
  }, head, others, quality(face.detail));
  if (face.reasons) {
    element.dataset.verdict = "left-out";
    fill(head, cropped(face, index, context.photo), h("div", { class: "who" },
      h("h2", {}, "Not searched"), face.reasons.map((one) => h("p", { class: "soft" }, reason(one)))));
    return { element, judge: () => {} };
  }
  if (may("index", context.collection)) element.append(enrolment(face, index, context));
  return { element, judge: judging({ face, index, element, head, others, context }) };
}

/** Redraws only when another match is the best, or others pass: sliding does not load pictures anew. */
function judging({ face, index, element, head, others, context }) {
  let drawn = null;
  return (threshold) => {
    const passed = passing(face, threshold).length;
    if (passed === drawn) return;
    drawn = passed;
    element.dataset.verdict = passed ? "known" : "unknown";
    fill(head, pair(face, index, passed, context));
    const rest = face.matches.slice(1, OTHERS + 1);
    fill(others, rest.length > 0 && h("ul", { "aria-label": "Other faces that are alike" },
      rest.map((match, at) => other(match, at + 1 < passed, context.collection))));
  };
}

function pair(face, index, passed, { photo, collection }) {
  const best = face.matches[0];
  const mine = cropped(face, index, photo);
  if (!best) {
    return [mine, h("div", { class: "who" }, h("h2", {}, "Nobody known"),
      h("p", { class: "soft" }, "No stored face is anything like this one."))];
  }
  const name = shown(best.Face.ExternalImageId);
  const stored = h("a", { href: faceLink(collection, best.Face.FaceId), class: "stored" },
    thumbnail(collection, best.Face.FaceId, name));
  const value = h("span", { class: "similarity" }, number(best.Similarity, 1));
  if (passed) {
    return [mine, stored, h("div", { class: "who" },
      h("h2", {}, foreign(name)), value, h("span", { class: "soft" }, ["similarity", tier(best.Similarity)].filter(Boolean).join(" · ")),
      h("p", { class: "fine" }, h("code", {}, foreign(best.Face.ExternalImageId ?? "")),
        best.Face.UserId ? [" · user ", foreign(best.Face.UserId)] : null))];
  }
  return [mine, h("div", { class: "who" }, h("h2", {}, "Nobody known"),
    h("p", { class: "soft" }, "Nearest, below the threshold:"),
    h("p", { class: "nearest" }, stored, h("span", {}, foreign(name), " ", value)))];
}

function other(match, passes, collection) {
  const name = shown(match.Face.ExternalImageId);
  return h("li", { class: passes ? "passes" : "falls" },
    h("a", { href: faceLink(collection, match.Face.FaceId), title: match.Face.ExternalImageId ?? "" },
      thumbnail(collection, match.Face.FaceId, name),
      h("span", { class: "name" }, foreign(name)), h("span", { class: "number" }, number(match.Similarity, 1)),
      passes ? null : h("span", { class: "unseen" }, "below the threshold")));
}

function cropped(face, index, photo) {
  return crop(photo, face.detail.BoundingBox, SIDE, `Face ${index + 1} in the photograph`)
    ?? h("span", { class: "thumb missing", role: "img", "aria-label": `Face ${index + 1}` }, icon("photo"));
}

/** Sharpness, brightness, pose and the detector's confidence, folded away. */
export function quality(detail) {
  const { Quality: { Brightness, Sharpness }, Pose: { Yaw, Pitch, Roll }, Confidence } = detail;
  return h("details", { class: "quality" },
    h("summary", {}, h("span", {}, "Quality"), bar("Sharpness", Sharpness), bar("Brightness", Brightness)),
    h("dl", { class: "facts" },
      fact("Sharpness", number(Sharpness, 1)), fact("Brightness", number(Brightness, 1)),
      fact("Is a face", `${number(Confidence, 1)} %`),
      fact("Turned", `${number(Yaw, 0)}° sideways, ${number(Pitch, 0)}° up, tilted ${number(Roll, 0)}°`)));
}

function bar(name, value) {
  return h("meter", { min: 0, max: 100, low: 15, value, "aria-label": name, title: `${name} ${number(value)}` });
}


function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

