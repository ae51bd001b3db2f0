// The faces of a searched photograph as rows, left to right: who it is and how surely; opened, the evidence for it.

import { fill, foreign, h, icon, number, plural, time } from "/console/dom.js";
import { fact } from "/console/dialogs.js";
import { reason, shown } from "/console/names.js";
import { crop } from "/console/photograph.js";
import { thumbnail } from "/console/pictures.js";
import { may } from "/console/session.js";
import { tier } from "/console/similarity.js";
import { faceLink, personLink } from "/console/tiles.js";
import { enrolment } from "/console/views/enrol.js";

const SIDE = 176;
const OTHERS = 6;

/** The faces of `/v1/search?all_faces=true` from left to right, those that were not searched among them. */
export function read(answer) {
  const searched = answer.searches.map((search, index) => ({
    detail: answer.details[index], matches: search.FaceMatches, reasons: null, group: search.Group ?? null,
  }));
  const left = answer.unsearched.map((one) => ({ detail: one.FaceDetails, matches: [], reasons: one.Reasons }));
  return [...searched, ...left].sort((one, other) => middle(one) - middle(other));
}

function middle({ detail: { BoundingBox } }) {
  return BoundingBox.Left + BoundingBox.Width / 2;
}

/** The matches of a face that pass. */
export function passing(face, threshold) {
  return face.matches.filter((match) => match.Similarity >= threshold);
}

/** The name of who a match is: the person's, or made of what the face was stored as. */
export function nameOf(match) {
  return match.Person?.name ?? shown(match.Face.ExternalImageId);
}

/** Those who are alike, most alike first: `[{name, best, count}]`, each once however many faces they have. */
export function people(matches) {
  const found = new Map();
  for (const match of matches) {
    const key = match.Person?.person_id ?? match.Face.ExternalImageId ?? match.Face.FaceId;
    if (found.has(key)) found.get(key).count += 1;
    else found.set(key, { name: nameOf(match), best: match, count: 1 });
  }
  return [...found.values()];
}

/** How a face is drawn on the photograph. */
export function verdict(face, index, threshold) {
  const { BoundingBox: box, Landmarks: landmarks } = face.detail;
  const best = passing(face, threshold)[0];
  if (face.reasons) {
    const why = face.reasons.map(reason).join(" ");
    return { box, landmarks, verdict: "left-out", tier: "", label: `Face ${index + 1}: not searched. ${why}`, tag: "Not searched" };
  }
  if (!best) return { box, landmarks, verdict: "unknown", tier: "", label: `Face ${index + 1}: nobody known`, tag: String(index + 1) };
  const [name, value, word] = [nameOf(best), number(best.Similarity, 1), tier(best.Similarity)];
  return {
    box, landmarks, verdict: "known", tier: word, tag: `${name} ${value}`,
    label: `Face ${index + 1}: ${name}, ${[value, word].filter(Boolean).join(", ")}`,
  };
}

/**
 * `{element, tell(words), judge(threshold), mark(index), focused(), reveal(index)}`. `drafts` keeps names that were typed and not sent
 * yet by index, so that naming one face does not lose those of the others.
 */
export function findings(faces, context) {
  const cards = faces.map((face, index) => card(face, index, { faces, ...context }));
  const element = h("ol", { class: "findings", "aria-label": "Faces" }, cards.map((one) => one.element));
  if (cards.length === 1) cards[0].unfold(true);
  return {
    element,
    /** A line for each face, of what is told of it; null takes them away. */
    tell: (words) => cards.forEach((one, at) => { one.told.hidden = !words?.[at]; fill(one.told, words?.[at]); }),
    judge: (threshold) => cards.forEach((one) => one.judge(threshold)),
    mark: (index) => cards.forEach((one, at) => one.element.classList.toggle("chosen", at === index)),
    focused: () => cards.findIndex((one) => one.element.contains(document.activeElement)),
    reveal: (index) => {
      cards[index].unfold(true);
      cards[index].element.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
      cards[index].element.focus({ preventScroll: true });
    },
  };
}

function card(face, index, context) {
  const who = h("div", { class: "who" });
  const more = h("div", { class: "more", id: `more-${crypto.randomUUID()}`, hidden: true });
  const fold = h("button", {
    type: "button", class: "icon-only fold", "aria-expanded": "false", "aria-controls": more.id, onclick: () => unfold(more.hidden),
  }, icon("down"), h("span", {}, `Details of face ${index + 1}`));
  const told = h("p", { class: "fine told", hidden: true });
  const judging = face.reasons ? () => {} : judge({ face, index, who, more, context, element: () => element });
  const element = h("li", {
    class: "finding", tabindex: -1, dataset: { number: index + 1 },
    onpointerenter: () => context.onpoint(index), onpointerleave: () => context.onpoint(null),
    onfocusin: () => context.onpoint(index), onfocusout: () => context.onpoint(null),
  }, h("div", { class: "row" }, cropped(face, index, context.photo), who, fold), told);
  if (face.reasons) {
    element.dataset.verdict = "left-out";
    fill(who, h("h2", {}, "Not searched"), face.reasons.map((one) => h("p", { class: "soft" }, reason(one))));
    fill(more, quality(face.detail));
  } else if (may("index", context.collection)) {
    element.append(enrolment(face, index, context));
  }
  element.append(more);
  function unfold(open) {
    more.hidden = !open;
    fold.setAttribute("aria-expanded", String(open));
    if (open && !face.reasons) judging();
  }
  return { element, told, unfold, judge: judging };
}

/** Redraws only when others pass: sliding does not load pictures anew, and what is folded away loads none. */
function judge({ face, index, who, more, context, element }) {
  let [drawn, opened, least] = [null, false, null];
  return (threshold = least) => {
    least = threshold;
    if (threshold === null) return;
    const passed = passing(face, threshold).length;
    if (passed === drawn && opened === !more.hidden) return;
    if (passed !== drawn) {
      element().dataset.verdict = passed ? "known" : "unknown";
      element().dataset.tier = passed ? tier(face.matches[0].Similarity) : "";
      fill(who, verdictOf(face, passed, context));
    }
    [drawn, opened] = [passed, !more.hidden];
    if (opened) fill(more, evidence(face, index, passed, context), alternatives(face, passed, context), quality(face.detail));
  };
}

function verdictOf(face, passed, { collection }) {
  const [best] = face.matches;
  if (!passed) {
    return [h("h2", {}, "Nobody known"), h("p", { class: "soft" }, best
      ? ["Nearest, below the threshold: ", foreign(nameOf(best)), " ", h("span", { class: "number" }, number(best.Similarity, 1))]
      : "No stored face is anything like this one."),
    seen(face.group)];
  }
  const word = tier(best.Similarity);
  return [
    h("h2", {}, best.Person ? h("a", { href: personLink(collection, best.Person.person_id) }, foreign(nameOf(best))) : foreign(nameOf(best))),
    h("p", { class: "sureness" }, word && h("span", { class: "chip tier" }, word),
      h("span", { class: "similarity" }, number(best.Similarity, 1)), h("span", { class: "fine" }, "similarity")),
    !best.Person && seen(face.group)];
}

/** How often somebody without a name was seen before, where the server tells it. */
function seen(group) {
  if (!group) return null;
  const { face_count: count, first_seen: first, last_seen: last } = group;
  return h("p", { class: "fine seen" }, h("a", { href: "#/unknown" }, `Seen ${count === 1 ? "once" : plural(count, "time")}`),
    " before, without a name: ", count === 1 ? time(last) : ["first ", time(first), ", last ", time(last)]);
}

/** The face of the photograph beside the stored one that is most like it. */
function evidence(face, index, passed, { photo, collection }) {
  const [best] = face.matches;
  if (!best) return null;
  const name = nameOf(best);
  return h("div", { class: "pair" }, crop(photo, face.detail.BoundingBox, SIDE, `Face ${index + 1} at its size`),
    h("a", { href: faceLink(collection, best.Face.FaceId), class: "stored" }, thumbnail(collection, best.Face.FaceId, name)),
    h("p", { class: "fine" }, passed ? "The most similar stored face, of " : "The nearest stored face, of ", foreign(name),
      best.Face.ExternalImageId ? [" (stored as ", h("code", {}, foreign(best.Face.ExternalImageId)), ")"] : null,
      best.Face.UserId ? [", user ", foreign(best.Face.UserId)] : null));
}

/** Who else is alike, each person once. */
function alternatives(face, passed, { collection }) {
  const rest = people(face.matches).slice(1, OTHERS + 1);
  if (!rest.length) return null;
  const passing = face.matches.slice(0, passed);
  return h("div", { class: "others" }, h("ul", { "aria-label": "Other people who are alike" }, rest.map(({ name, best, count }) => {
    const passes = passing.includes(best);
    return h("li", { class: passes ? "passes" : "falls" },
      h("a", { href: faceLink(collection, best.Face.FaceId), title: best.Face.ExternalImageId ?? "" },
        thumbnail(collection, best.Face.FaceId, name),
        h("span", { class: "name" }, foreign(name)), h("span", { class: "number" }, number(best.Similarity, 1)),
        count > 1 && h("span", { class: "fine" }, plural(count, "face")),
        passes ? null : h("span", { class: "unseen" }, "below the threshold")));
  })));
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
