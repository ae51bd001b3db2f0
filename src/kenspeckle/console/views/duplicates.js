// The view "Duplicates": pairs of people who may be one, the evidence side by side; one key merges or dismisses.

import { button, fill, foreign, h, number, plural } from "/console/dom.js";
import { shown } from "/console/names.js";
import { announce, empty, notice, toast } from "/console/notices.js";
import { listOf, relist } from "/console/pages.js";
import { storedPhotograph, thumbnail } from "/console/pictures.js";
import { ask } from "/console/server.js";
import { may, onChange, session } from "/console/session.js";
import { tier } from "/console/similarity.js";
import { countOf, faceLink, personLink } from "/console/tiles.js";
import { mergeInto } from "/console/views/person_actions.js";
import { leave } from "/console/views/unknown.js";

const SIZE = 24;

export function view({ signal }) {
  let collection = session.collection;
  const said = h("div", { class: "status" });
  const list = h("div");
  const more = h("div", { class: "page-content" });
  const draw = () => relist(list, {
    signal, words: "Looking for duplicates…",
    read: async (cursor, leaving) => {
      const page = await ask(listOf(collection, "duplicates"), { query: { limit: SIZE, cursor }, signal: leaving });
      if (cursor === null) fill(more, misplaced(page.faces ?? [], { collection, said, draw }), several(page.mixed ?? [], collection), copies(page.photographs ?? [], "The same photograph twice", { collection, signal }), copies(page.alike ?? [], "Nearly the same photograph", { collection, signal }));
      return { items: page.pairs, next: page.NextToken ?? null };
    },
    draw: (pairs) => h("ul", { class: "cards pairs", "aria-label": "People who may be one" }, pairs.map((one) => card(one, { collection, said, draw }))),
    none: () => empty("face", "Nobody is there twice", "People whose faces are alike enough to be one person are shown here, side by side."),
  });
  onChange(() => {
    if (session.collection === collection) return;
    collection = session.collection;
    draw();
  }, signal);
  draw();
  return h("section", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Duplicates"),
      h("p", { class: "lead" }, "People who may be one. A merge can be undone; that they are two is remembered.",
        h("span", { class: "keys" }, " On a pair, ", h("kbd", {}, "M"), " merges, ", h("kbd", {}, "D"), " keeps two.")))),
    said, list, more);
}

/** The last one of a page gone, what comes after it is shown. */
function gone(item, draw) {
  const last = item.parentElement.children.length === 1;
  leave(item);
  if (last) draw();
}

/** Faces that are more like another person's than like those of their own. */
function misplaced(faces, { collection, said, draw }) {
  if (!faces.length) return null;
  return h("section", {}, h("h2", {}, "Perhaps under a wrong name"), h("ul", { class: "cards", "aria-label": "Faces that may be under a wrong name" },
    faces.map(({ face_id: faceId, person, similarity, other, other_similarity: more }) => h("li", { class: "sheet card" },
      h("div", { class: "person" }, h("a", { href: faceLink(collection, faceId) }, thumbnail(collection, faceId, person.name)),
        h("p", {}, "Stored as ", h("a", { href: personLink(collection, person.person_id) }, foreign(person.name)), ` (${number(similarity, 1)}), more like `,
          h("a", { href: personLink(collection, other.person_id) }, foreign(other.name)), ` (${number(more, 1)})`)),
      may("index", collection) && h("p", { class: "actions" }, button("Move it there", {
        class: "plain small", "aria-label": `Move the face to ${other.name}`, onclick: () => give(faceId, other, { collection, said, draw }),
      }, "next"))))));
}

async function give(faceId, person, { collection, said, draw }) {
  try {
    await ask(listOf(collection, "people", person.person_id, "faces"), { method: "POST", body: { face_ids: [faceId] } });
    toast("Moved to ", foreign(person.name));
    draw();
  } catch (failure) {
    fill(said, notice(failure));
  }
}

/** People whose faces seem to show several, with a face of each. */
function several(mixed, collection) {
  if (!mixed.length) return null;
  return h("section", {}, h("h2", {}, "Perhaps several people under one name"), h("ul", { class: "cards", "aria-label": "People who may be several" },
    mixed.map(({ person, face_ids: sets, similarity }) => h("li", { class: "sheet card" },
      h("div", { class: "sides" }, sets.slice(0, 2).map((ids) => h("div", {},
        h("a", { href: faceLink(collection, ids[0]) }, thumbnail(collection, ids[0], person.name)), h("span", { class: "fine" }, plural(ids.length, "face"))))),
      h("p", {}, h("a", { href: personLink(collection, person.person_id) }, foreign(person.name)), `: similarity ${number(similarity, 1)} on average`)))));
}

/** Photographs that are there several times; side by side where somebody asks for it, for each look is recorded. */
function copies(photographs, title, { collection, signal }) {
  if (!photographs.length) return null;
  return h("section", {}, h("h2", {}, title), h("ul", { class: "copies", "aria-label": title }, photographs.map((same) => {
    const names = same.map((one) => shown(one.external_image_id ?? one.image_id));
    const room = h("div", { class: "sides" });
    const look = button("Show", { class: "plain small", "aria-label": `Show ${names.join(" and ")}`, onclick: async () => {
      look.remove();
      fill(room, await Promise.all(same.map((one, at) => stored(collection, one.image_id, names[at], signal))));
    } }, "photo");
    return h("li", {}, h("div", { class: "actions" }, h("span", {}, names.map((name, at) => [at > 0 && " · ", foreign(name)])),
      session.info.keep_images && look), room);
  })));
}

async function stored(collection, imageId, name, signal) {
  try {
    const url = URL.createObjectURL((await storedPhotograph(collection, imageId, signal)).blob);
    signal.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
    return h("figure", {}, h("img", { src: url, alt: `Photograph stored as ${name}` }), h("figcaption", { class: "fine" }, foreign(name)));
  } catch (failure) {
    return h("p", { class: "fine" }, foreign(failure.detail));
  }
}

function card(pair, { collection, said, draw }) {
  const [one, other] = pair.people;
  const into = other.face_count > one.face_count ? other : one;
  const left = into === one ? other : one;
  let busy = false;
  const once = (work) => async () => {
    if (busy) return;
    busy = true;
    try {
      await work();
    } catch (failure) {
      fill(said, notice(failure));
    } finally {
      busy = false;
    }
  };
  const joins = once(() => mergeInto([left], into, {
    collection, said, done: async () => { if (item.isConnected) gone(item, draw); else draw(); },
  }));
  const dismiss = once(async () => {
    await ask(listOf(collection, "duplicates", pair.pair_id), { method: "DELETE" });
    announce("Dismissed.");
    toast("Two people: not shown again");
    gone(item, draw);
  });
  const allowed = may("index", collection);
  const word = tier(pair.similarity);
  const item = h("li", { class: "sheet card pair-card", onkeydown: (event) => {
    if (!allowed || event.ctrlKey || event.metaKey || event.altKey) return;
    const work = { m: joins, d: dismiss }[event.key.toLowerCase()];
    if (work) {
      event.preventDefault();
      work();
    }
  } },
  h("div", { class: "sides" }, [one, other].map((person, side) => h("div", {},
    h("a", { href: faceLink(collection, pair.evidence[side]) }, thumbnail(collection, pair.evidence[side], person.name)),
    h("a", { class: "name", title: person.name, href: personLink(collection, person.person_id) }, foreign(person.name)),
    h("span", { class: "fine" }, countOf(person, pair.people))))),
  h("p", { class: "sureness" }, word && h("span", { class: "chip tier" }, word), h("span", { class: "similarity" }, number(pair.similarity, 1)), h("span", { class: "fine" }, "similarity on average")),
  allowed && h("p", { class: "actions" },
    button("Merge", { class: "primary small", onclick: joins, "aria-label": `Merge ${left.name} into ${into.name}`, "aria-keyshortcuts": "M" }),
    button("Two people", { class: "plain small", onclick: dismiss, "aria-label": `${one.name} and ${other.name} are two people`, "aria-keyshortcuts": "D" })));
  return item;
}
