// Stored faces as tiles: a picture, a name, a way to its page, and perhaps a box to choose it with.

import { foreign, h, number, plural } from "/console/dom.js";
import { shown } from "/console/names.js";
import { thumbnail } from "/console/pictures.js";

/** Address of a stored face in the console. */
export function faceLink(collection, faceId) {
  return `#/face/${encodeURIComponent(collection)}/${encodeURIComponent(faceId)}`;
}

/** Address of a person in the console. */
export function personLink(collection, personId) {
  return `#/person/${encodeURIComponent(collection)}/${encodeURIComponent(personId)}`;
}

/** Address of a user in the console. */
export function userLink(collection, userId) {
  return `#/user/${encodeURIComponent(collection)}/${encodeURIComponent(userId)}`;
}

/** How many faces somebody has; of two in a list who have one name also what each was stored as. */
export function countOf(person, list) {
  const identity = told(person, list);
  return [plural(person.face_count, "face"), identity && [" · stored as ", foreign(identity)]];
}

/** The name of somebody in a list, for a control that says no more: two of one name have different ones. */
export function nameIn(person, list) {
  const identity = told(person, list);
  return identity ? `${person.name}, stored as ${identity}` : person.name;
}

function told(person, list) {
  return list.some((one) => one !== person && one.name === person.name) ? person.external_image_ids[0] : null;
}

/**
 * A grid of faces as the API lists them. `chosen` (a Map by face id) makes them choosable and is kept by it;
 * `onchoice()` is called when it changes. `similarity(face)` adds a number; `name` is that of
 * all where they are one person's, `names(face)` that of each.
 */
export function grid(collection, faces, { chosen = null, onchoice = () => {}, similarity = null, label = "Faces", name: one = null, names = () => null } = {}) {
  return h("ul", { class: "grid", "aria-label": label }, faces.map((face) => {
    const name = one ?? names(face) ?? shown(face.ExternalImageId);
    const below = similarity ? number(similarity(face), 1) : face.UserId ? ["user ", foreign(face.UserId)] : null;
    return h("li", {},
      h("a", { class: "tile", href: faceLink(collection, face.FaceId), title: face.ExternalImageId ?? "" },
        thumbnail(collection, face.FaceId, name), h("span", { class: "name" }, foreign(one ? shown(face.ExternalImageId) : name)),
        below && h("span", { class: "fine number" }, below)),
      chosen && choice(face, name, chosen, onchoice));
  }));
}

function choice(face, name, chosen, onchoice) {
  const box = h("input", {
    type: "checkbox", "aria-label": `Choose the face of ${name}`, checked: chosen.has(face.FaceId),
    onchange: () => {
      if (box.checked) chosen.set(face.FaceId, face);
      else chosen.delete(face.FaceId);
      onchoice();
    },
  });
  return h("label", { class: "pick" }, box);
}
