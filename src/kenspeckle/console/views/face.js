// The view of one stored face: the photograph with the face boxed, whose it is, faces like it, and its erasure.

import { ofStored } from "/console/attributes.js";
import { button, fill, foreign, h, icon, place, plural, sends } from "/console/dom.js";
import { confirmErasure, fact, showReceipt } from "/console/dialogs.js";
import { reason, shown } from "/console/names.js";
import { notice, toast, watched } from "/console/notices.js";
import { listOf } from "/console/pages.js";
import { storedPhotograph, thumbnail } from "/console/pictures.js";
import { ask, at } from "/console/server.js";
import { ANY, may, offered, refresh, session } from "/console/session.js";
import { LEAST } from "/console/threshold.js";
import { grid, personLink, userLink } from "/console/tiles.js";
import { nameField } from "/console/views/enrol.js";
import { quality } from "/console/views/findings.js";
import { move, nameForm, peopleOf } from "/console/views/person_actions.js";

const SIBLINGS = 100;
const ALIKE = 24;

export function view({ words: [collection, faceId], signal }) {
  const title = h("h1", {}, "A face");
  const left = h("div");
  const right = h("div");
  const room = h("div", { class: "status" });
  const page = h("section", { class: "page" },
    offered("people") ? h("a", { class: "back", href: "#/people" }, icon("back"), "People") : h("a", { class: "back", href: "#/gallery" }, icon("back"), "Faces"),
    h("header", { class: "page-head" }, title), room, h("div", { class: "halves face-page" }, left, right));

  async function load() {
    const record = await watched(room, "Loading the face…",
      () => ask(listOf(collection, "faces", faceId), { signal }), { retry: load, signal });
    if (!record) return;
    const person = record.Person ?? null;
    const name = person?.name ?? shown(record.Face.ExternalImageId);
    fill(title, person ? h("a", { href: personLink(collection, person.person_id) }, foreign(name)) : foreign(name));
    document.title = `${name} · Kenspeckle`;
    const context = { collection, face: record.Face, detail: record.FaceDetail, person, name, room, signal, reload: load };
    fill(left, picture(context));
    fill(right, naming(context), facts(context), telling(context), alike(context), others(context), belonging(context), erasure(context));
  }
  load().catch(() => {});
  return page;
}

/** The photograph with its box; the face alone where photographs are not kept or this one is gone. */
function picture({ collection, face, detail, name, signal }) {
  const room = h("div", { class: "stage" }, h("div", { class: "portrait" }, thumbnail(collection, face.FaceId, name)));
  if (!session.info.keep_images) {
    room.append(h("p", { class: "fine" }, "This server keeps no photographs; this is the face that was cut out."));
    return room;
  }
  storedPhotograph(collection, face.ImageId, signal).then(({ blob, metadata }) => {
    const url = URL.createObjectURL(blob);
    const image = h("img", { src: url, alt: `Photograph of ${name}` });
    image.addEventListener("load", () => {
      const { Left: left, Top: top, Width: width, Height: height } = detail.BoundingBox;
      fill(room, h("div", { class: "photo" }, image, h("div", { class: "overlay", "aria-hidden": "true" },
        place(h("span", { class: "box", dataset: { verdict: "known" } }), { left, top, width, height }))),
      metadata.length > 0 && h("dl", { class: "facts", "aria-label": "Notes with the photograph" }, metadata.map(([key, value]) => fact(foreign(key), foreign(value)))));
    });
    image.addEventListener("error", () => {
      URL.revokeObjectURL(url);
      room.append(h("p", { class: "fine" }, "Your browser can’t show this kind of file; this is the face that was cut out."));
    });
    signal.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
  }).catch((failure) => {
    if (!signal.aborted) room.append(h("p", { class: "fine" }, failure.status === 404 ? "The photograph is not kept; this is the face that was cut out." : foreign(failure.detail)));
  });
  return room;
}

/** Renames the person, or gives the face to another one. */
function naming({ collection, face, person, room, reload }) {
  if (!person || !may("index", collection)) return null;
  return h("div", { class: "sheet" }, nameForm({
    label: "Name", value: person.name, verb: "Rename",
    save: async (name) => {
      const named = await ask(peopleOf(collection, person.person_id), { method: "PATCH", body: { name } });
      toast("Renamed to ", foreign(named.name));
      await reload();
    },
  }), h("p", { class: "actions" },
    h("span", { class: "soft" }, "Somebody else?"),
    button("Move this face to…", { class: "plain small", onclick: () => move([face.FaceId], { collection, said: room, done: reload, except: person.person_id }) }),
    offered("groups") && button("Not this person", { class: "plain small", onclick: () => apart({ collection, face, person, room, reload }) })));
}

async function apart({ collection, face, person, room, reload }) {
  const done = await watched(room, "Keeping them apart…", () =>
    ask(peopleOf(collection, person.person_id, "not"), { method: "POST", body: { face_ids: [face.FaceId] } }));
  if (!done) return;
  toast("Kept apart for good");
  await reload();
}

function facts({ face, detail }) {
  return h("div", { class: "sheet" }, h("dl", { class: "facts" },
    fact("Stored as", h("code", {}, foreign(face.ExternalImageId ?? "–"))),
    fact("Face id", h("code", {}, face.FaceId)),
    fact("Image id", h("code", {}, face.ImageId))), quality(detail));
}

/** Where the server tells of age and expression, and the photograph is there to look at, or it was told when it was stored. */
function telling(context) {
  const able = session.info.pack?.attributes_on_request?.length && session.info.keep_images && may("search", ANY);
  return able || context.detail.AgeRange || context.detail.Smile ? ofStored(context) : null;
}

/** Users are Amazon's; where there are people, only what a program has given to one is told. */
function belonging({ collection, face, reload }) {
  if (face.UserId) {
    return h("div", { class: "sheet" }, h("p", {}, "Belongs to the user ",
      h("a", { href: userLink(collection, face.UserId) }, foreign(face.UserId)), "."));
  }
  if (!may("index", collection)) return null;
  const field = nameField("user", { label: "Give it to a user", hint: "For programs that use Amazon’s users. Made if there is none." });
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
  return h("details", { class: "sheet options" }, h("summary", {}, "Users"), h("form", { onsubmit: sends(give) },
    field.element, room, h("p", { class: "actions" }, button("Give", { class: "plain", type: "submit" }))));
}

/** The person's other faces, or those of the same name where the server has no people. */
function others({ collection, face, person, name, signal }) {
  const room = h("section");
  const path = person ? peopleOf(collection, person.person_id, "faces") : listOf(collection, "faces");
  const query = person ? { limit: SIBLINGS } : { external_image_id: face.ExternalImageId, limit: SIBLINGS };
  if (!person && !face.ExternalImageId) return null;
  ask(path, { query, signal }).then((page) => {
    const rest = page.Faces.filter((one) => one.FaceId !== face.FaceId);
    if (rest.length) fill(room, h("h2", {}, "Other faces of ", foreign(name)), grid(collection, rest, { label: "Other faces" }));
  }).catch(() => {});
  return room;
}

/** Faces like it; those that a search would not take for the same person apart. */
function alike({ collection, face, signal }) {
  if (!may("search", collection)) return null;
  const room = h("div", { class: "alike" });
  const look = async () => {
    const query = { threshold: LEAST, max_faces: ALIKE };
    const found = await watched(room, "Looking for faces like this one…",
      () => ask(listOf(collection, "faces", face.FaceId, "search"), { method: "POST", query, signal, reads: true }),
      { retry: look, signal });
    if (!found) return;
    const value = new Map(found.FaceMatches.map((match) => [match.Face.FaceId, match]));
    const shownAs = (passes) => found.FaceMatches.filter((match) => match.Similarity >= session.threshold === passes).map((match) => match.Face);
    const tiles = (faces, label) => faces.length > 0 && grid(collection, faces, {
      similarity: (one) => value.get(one.FaceId).Similarity, label, names: (one) => value.get(one.FaceId).Person?.name,
    });
    const below = shownAs(false);
    fill(room, tiles(shownAs(true), "Faces like this one") || h("p", { class: "soft" },
      below.length ? `No other face passes at ${session.threshold}.` : `No other face reaches a similarity of ${LEAST}.`),
    below.length > 0 && h("details", { class: "options" }, h("summary", {}, `Less alike, below the threshold of ${session.threshold}: ${plural(below.length, "face")}`), tiles(below, "Less alike faces")));
  };
  look().catch(() => {});
  return h("section", {}, h("h2", {}, "Faces like this one"), room);
}

function erasure({ collection, face, person, name }) {
  if (!may("delete", collection)) return null;
  const identity = face.ExternalImageId;
  const onlyFace = () => removed({
    title: "Delete this face?", verb: "Delete the face", what: [h("strong", {}, foreign(name)), " – this one face."],
    consequences: ["It is never found again.", "Its photograph goes if no other face is on it.",
      face.UserId && "It belongs to a user: take it from the user first."],
    erase: () => ask(listOf(collection, "faces", face.FaceId), { method: "DELETE" }),
  });
  const everything = () => removed({
    title: "Erase this person?", what: ["Everything of ", h("strong", {}, foreign(person ? name : identity)), "."],
    consequences: ["All faces, also those of users.", "All photographs that are left without a face.", "This can't be undone."],
    erase: () => (person ? ask(peopleOf(collection, person.person_id), { method: "DELETE" })
      : ask(listOf(collection, "faces"), { method: "DELETE", query: { external_image_id: identity } })),
  });
  const photographs = () => removed({
    title: "Erase the photographs?", verb: "Erase", what: ["Photographs stored as ", h("strong", {}, foreign(identity)), "."],
    consequences: ["All faces found on them go too, those of users as well.", "This can't be undone."],
    erase: () => ask(at("images", identity), { method: "DELETE", query: { collection } }),
  });
  return h("section", {}, h("h2", {}, "Erase"), h("p", { class: "actions" },
    button("This face…", { class: "plain", onclick: onlyFace }, "erase"),
    (person || identity) && button("The whole person…", { class: "plain", onclick: everything }, "erase"),
    identity && button("Its photographs…", { class: "plain", onclick: photographs }, "erase")));
}

async function removed(question) {
  const done = await confirmErasure(question);
  if (!done) return;
  refresh().catch(() => {});
  await showReceipt(done.Receipt);
  if (!done.Receipt) toast("Nothing was there any more.");
  location.hash = offered("people") ? "#/people" : "#/gallery";
}
