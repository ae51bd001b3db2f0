// What a face tells beyond its quality, where somebody asks for it: how old it looks, eyes, mouth. In words.

import { fill, h } from "/console/dom.js";
import { fact } from "/console/dialogs.js";
import { watched } from "/console/notices.js";
import { storedPhotograph } from "/console/pictures.js";
import { ask } from "/console/server.js";
import { session } from "/console/session.js";

const LEAST_OVERLAP = 0.5;
const SURE = 75;
const AHEAD = 12;

const FLAGS = {
  Smile: ["smiling", "not smiling"],
  MouthOpen: ["mouth open", "mouth closed"],
  EyesOpen: ["eyes open", "eyes closed"],
  FaceOccluded: ["partly covered", "not covered"],
};

/** The faces of a photograph with all that can be told of them. Throws Failure. */
export async function told(blob, signal) {
  const answer = await ask("/v1/detect", { method: "POST", body: blob, query: { attributes: "ALL" }, signal, reads: true });
  return answer.FaceDetails;
}

/** The one of these faces that lies where the box is; null where none does. */
export function inPlace(box, details) {
  const [best] = details.map((one) => ({ one, share: overlap(box, one.BoundingBox) })).sort((a, b) => b.share - a.share);
  return best?.share >= LEAST_OVERLAP ? best.one : null;
}

/** Words for each thing that is known of a face, with what it is called. */
export function words(detail) {
  const found = [];
  if (detail.AgeRange) found.push(["Age", `looks ${detail.AgeRange.Low} to ${detail.AgeRange.High}`]);
  if (detail.Gender) found.push(["Gender", hedged(`looks ${detail.Gender.Value.toLowerCase()}`, detail.Gender.Confidence)]);
  for (const [name, [yes, no]] of Object.entries(FLAGS)) {
    if (detail[name]) found.push([TERMS[name], hedged(detail[name].Value ? yes : no, detail[name].Confidence)]);
  }
  if (detail.EyeDirection) found.push(["Looks", direction(detail.EyeDirection)]);
  return found;
}

const TERMS = { Smile: "Smile", MouthOpen: "Mouth", EyesOpen: "Eyes", FaceOccluded: "Face" };

/** One line of all of it; "" where nothing can be told. */
export function sentence(detail) {
  return words(detail).map(([, what]) => what).join(" · ");
}

/** The switch with what it shows of a stored face, which is told anew where it was stored without. */
export function ofStored({ collection, face, detail, signal }) {
  const room = h("div", { class: "status" });
  const list = h("dl", { class: "facts", hidden: true });
  let known = words(detail).length ? detail : null;
  const box = h("input", { type: "checkbox", checked: session.telling, onchange: () => { session.telling = box.checked; show(); } });
  async function show() {
    list.hidden = !box.checked;
    fill(room);
    if (!box.checked) return;
    known ??= await watched(room, "Looking at age and expression…", async () => {
      const { blob } = await storedPhotograph(collection, face.ImageId, signal);
      return inPlace(face.BoundingBox, await told(blob, signal)) ?? {};
    }, { retry: show, signal }).catch(() => null) ?? null;
    if (known) fill(list, words(known).map(([term, what]) => fact(term, what)), !words(known).length && fact("Age", "Nothing can be told of this face."));
  }
  if (session.telling) show();
  return h("div", { class: "sheet telling" }, h("label", { class: "check" }, box, "Age and expression"),
    h("p", { class: "fine" }, "Guesses from the picture, not facts about the person."), room, list);
}

function hedged(what, confidence) {
  return confidence < SURE ? `perhaps ${what}` : what;
}

/** Where the eyes look, as the viewer sees it. */
function direction({ Yaw, Pitch }) {
  const ways = [Pitch > AHEAD ? "up" : Pitch < -AHEAD && "down", Yaw > AHEAD ? "to the right" : Yaw < -AHEAD && "to the left"].filter(Boolean);
  return ways.length ? `looking ${ways.join(" and ")}` : "looking at the camera";
}

function overlap(one, other) {
  const side = (a, b, start, size) => Math.min(a[start] + a[size], b[start] + b[size]) - Math.max(a[start], b[start]);
  const common = Math.max(0, side(one, other, "Left", "Width")) * Math.max(0, side(one, other, "Top", "Height"));
  const union = one.Width * one.Height + other.Width * other.Height - common;
  return union > 0 ? common / union : 0;
}
