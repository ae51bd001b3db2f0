// The view of one stored face: its photograph, its person's other faces, faces like it, its user, and its erasure.

import { button, fill, foreign, h, icon, place, plural, sends } from "/console/dom.js";
import { confirmErasure, fact, showReceipt } from "/console/dialogs.js";
import { reason, shown } from "/console/names.js";
import { notice, toast, watched } from "/console/notices.js";
import { listOf } from "/console/pages.js";
import { storedPhotograph, thumbnail } from "/console/pictures.js";
import { ask, at } from "/console/server.js";
import { may, refresh } from "/console/session.js";
import { LEAST } from "/console/threshold.js";
import { grid, userLink } from "/console/tiles.js";
import { nameField } from "/console/views/enrol.js";
import { quality } from "/console/views/findings.js";

const SIBLINGS = 100;
const ALIKE = 12;

export function view({ words: [collection, faceId], signal }) {
  const title = h("h1", {}, "A face");
  const left = h("div");
  const right = h("div");
  const room = h("div");
  const page = h("section", { class: "page" },
    h("a", { class: "back", href: "#/gallery" }, icon("back"), "Gallery"),
    h("header", { class: "page-head" }, title), room, h("div", { class: "halves" }, left, right));

  async function load() {
    const record = await watched(room, "Loading the face…",
      () => ask(listOf(collection, "faces", faceId), { signal }), { retry: load, signal });
    if (!record) return;
    const name = shown(record.Face.ExternalImageId);
    title.replaceChildren(foreign(name));
    document.title = `${name} · Kenspeckle`;
    const context = { collection, face: record.Face, detail: record.FaceDetail, name, signal, reload: load };
    const siblings = await siblingsOf(context).catch(() => []);
    if (signal.aborted) return;
    fill(left, picture({ ...context, siblings }), facts(context));
    fill(right, belonging(context), others({ ...context, siblings }), alike(context), erasure({ ...context, siblings }));
  }
  load().catch(() => {});
  return page;
}

async function siblingsOf({ collection, face, signal }) {
  if (!face.ExternalImageId) return [face];
  const query = { external_image_id: face.ExternalImageId, limit: SIBLINGS };
  return (await ask(listOf(collection, "faces"), { query, signal })).Faces;
}

/** The photograph with its box; the face alone where originals are not kept or a newer one has its name. */
function picture({ collection, face, detail, name, siblings, signal }) {
  const room = h("div", { class: "stage" }, h("div", { class: "portrait" }, thumbnail(collection, face.FaceId, name)));
  // The image route gives the newest photograph of a name; only if that is this face's does the box belong on it.
  if (!face.ExternalImageId) return room;
  const unknown = siblings.length === SIBLINGS; // there may be more, and the newest among them
  if (unknown || siblings.at(-1)?.ImageId !== face.ImageId) {
    const why = unknown ? `${SIBLINGS} faces or more have its name, and another may be the newest` : "a newer one has the same name";
    room.append(h("p", { class: "fine" }, `Its photograph can’t be shown: ${why}.`));
    return room;
  }
  storedPhotograph(collection, face.ExternalImageId, signal).then(({ blob, metadata }) => {
    const url = URL.createObjectURL(blob);
    const image = h("img", { src: url, alt: `Photograph of ${name}` });
    image.addEventListener("load", () => {
      const { Left: left, Top: top, Width: width, Height: height } = detail.BoundingBox;
      fill(room, h("div", { class: "photo" }, image, h("div", { class: "overlay", "aria-hidden": "true" },
        place(h("span", { class: "box", dataset: { verdict: "known" } }), { left, top, width, height }))),
      metadata.length > 0 && h("dl", { class: "facts" }, metadata.map(([key, value]) => fact(foreign(key), foreign(value)))));
    });
    image.addEventListener("error", () => URL.revokeObjectURL(url));
    signal.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
  }).catch(() => {});
  return room;
}

function facts({ face, detail }) {
  return h("div", { class: "sheet" }, h("dl", { class: "facts" },
    fact("Indexed as", h("code", {}, foreign(face.ExternalImageId ?? "–"))),
    fact("Face id", h("code", {}, face.FaceId)),
    fact("Image id", h("code", {}, face.ImageId))), quality(detail));
}

function belonging({ collection, face, reload }) {
  if (face.UserId) {
    return h("div", { class: "sheet" }, h("p", {}, "Belongs to the user ",
      h("a", { href: userLink(collection, face.UserId) }, foreign(face.UserId)), "."));
  }
  if (!may("index", collection)) return null;
  const field = nameField("user", { label: "Give it to a user", hint: "One person with several faces. Made if there is none." });
  const room = h("div");
  const give = async () => {
    if (!field.valid()) return;
    const done = await watched(room, "Giving…", async () => {
      await ask(listOf(collection, "users", field.value), { method: "PUT" });
      return ask(listOf(collection, "users", field.value, "faces"), { method: "POST", body: { FaceIds: [face.FaceId] } });
    }, { retry: give });
    if (!done) return;
    const refused = done.UnsuccessfulFaceAssociations[0];
    if (refused) fill(room, notice(new Error(refused.Reasons.map(reason).join(" "))));
    else reload();
  };
  return h("form", { class: "sheet", onsubmit: sends(give) },
    field.element, room, h("p", { class: "actions" }, button("Give", { class: "plain", type: "submit" })));
}

function others({ collection, face, siblings }) {
  const rest = siblings.filter((one) => one.FaceId !== face.FaceId);
  if (!rest.length) return null;
  return h("section", {}, h("h2", {}, "Other faces of this name"), grid(collection, rest));
}

function alike({ collection, face, signal }) {
  const room = h("div");
  const look = async () => {
    const query = { threshold: LEAST, max_faces: ALIKE };
    const found = await watched(room, "Looking for faces like this one…",
      () => ask(listOf(collection, "faces", face.FaceId, "search"), { method: "POST", query, signal }),
      { retry: look, signal });
    if (!found) return;
    const value = new Map(found.FaceMatches.map((match) => [match.Face.FaceId, match.Similarity]));
    fill(room, found.FaceMatches.length
      ? grid(collection, found.FaceMatches.map((match) => match.Face), { similarity: (one) => value.get(one.FaceId), label: "Faces like this one" })
      : h("p", { class: "soft" }, `No other face reaches a similarity of ${LEAST}.`));
  };
  if (!may("search", collection)) return null;
  look().catch(() => {});
  return h("section", {}, h("h2", {}, "Faces like this one"), room);
}

function erasure({ collection, face, name, siblings }) {
  if (!may("delete", collection)) return null;
  const identity = face.ExternalImageId;
  const onlyFace = () => removed({
    title: "Delete this face?", verb: "Delete the face", what: [h("strong", {}, foreign(name)), " – this one face."],
    consequences: ["It is never found again.", "Its photograph goes if no other face is on it.",
      face.UserId && "It belongs to a user: take it from the user first."],
    erase: () => ask(listOf(collection, "faces", face.FaceId), { method: "DELETE" }),
  });
  const everything = () => removed({
    title: "Erase this person?", verb: "Erase", what: ["Everything under ", h("strong", {}, foreign(identity)), "."],
    consequences: [`${plural(siblings.length, "face")}${siblings.length === SIBLINGS ? " or more" : ""}, also those of users.`,
      "All photographs that are left without a face.", "This can't be undone."],
    erase: () => ask(listOf(collection, "faces"), { method: "DELETE", query: { external_image_id: identity } }),
  });
  const photographs = () => removed({
    title: "Erase the photographs?", verb: "Erase", what: ["Photographs stored as ", h("strong", {}, foreign(identity)), "."],
    consequences: ["All faces found on them go too, those of users as well.", "This can't be undone."],
    erase: () => ask(at("images", identity), { method: "DELETE", query: { collection } }),
  });
  return h("section", {}, h("h2", {}, "Erase"), h("p", { class: "actions" },
    button("This face…", { class: "plain", onclick: onlyFace }, "erase"),
    identity && button("The whole person…", { class: "plain", onclick: everything }, "erase"),
    identity && button("Its photographs…", { class: "plain", onclick: photographs }, "erase")));
}

async function removed(question) {
  const done = await confirmErasure(question);
  if (!done) return;
  refresh().catch(() => {});
  await showReceipt(done.Receipt);
  if (!done.Receipt) toast("Nothing was there any more.");
  location.hash = "#/gallery";
}

