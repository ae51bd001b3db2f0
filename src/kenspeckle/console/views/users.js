// The view "Users": people with several faces under one id; finding them by a photograph.

import { button, fill, foreign, h, number, plural, sends } from "/console/dom.js";
import { modal } from "/console/dialogs.js";
import { intake } from "/console/intake.js";
import { empty, toast, watched } from "/console/notices.js";
import { listOf, reader, relist } from "/console/pages.js";
import { close as release, crop, decode } from "/console/photograph.js";
import { ask } from "/console/server.js";
import { current, may, onChange, refresh, session } from "/console/session.js";
import { LEAST } from "/console/threshold.js";
import { userLink } from "/console/tiles.js";
import { nameField } from "/console/views/enrol.js";

const SIZE = 24;
const FOUND = 20;
const TYPING = 300;

export function view({ signal }) {
  let collection = session.collection;
  let text = "";
  const list = h("div");
  const search = h("input", { type: "search", placeholder: "Search by name", "aria-label": "Search by name", autocomplete: "off", spellcheck: "false" });
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { text = search.value.trim().toLowerCase(); draw(); }, TYPING);
  });
  const actions = h("p", { class: "actions" });

  function draw() {
    fill(actions,
      may("search", collection) && button("Find by photograph", { class: "plain", onclick: () => find(collection) }, "search"),
      may("index", collection) && button("New user", { class: "primary", onclick: () => create(collection) }, "add"));
    relist(list, {
      signal, read: reader({
        path: listOf(collection, "users"), member: "Users", size: SIZE, most: 500,
        wanted: text ? (user) => user.UserId.toLowerCase().includes(text) : null,
      }),
      draw: (users) => h("ul", { class: "cards" }, users.map((user) => card(collection, user))),
      none: () => (text ? empty("search", "No user by that name") : empty("photo", "No users yet",
        "A user is one person with several faces: searches for users compare with all of them at once.")),
    });
  }

  onChange(() => {
    if (session.collection === collection) return;
    collection = session.collection;
    draw();
  }, signal);
  draw();
  return h("section", { class: "page" },
    h("header", { class: "page-head" },
      h("div", {}, h("h1", {}, "Users"),
        h("p", { class: "lead" }, "One person, several faces, one name.", current() ? "" : " ")),
      actions),
    h("div", { class: "toolbar", role: "search" }, h("div", { class: "grow" }, search)), list);
}

function card(collection, user) {
  return h("li", { class: "sheet" },
    h("a", { class: "tile", href: userLink(collection, user.UserId) }, h("span", { class: "name" }, foreign(user.UserId))));
}

async function create(collection) {
  const made = await modal("New user", (close) => {
    const field = nameField("user", { label: "Name", hint: "Letters a–z, digits and _ . - :" });
    const room = h("div");
    const make = async () => {
      if (!field.valid()) return;
      const done = await watched(room, "Making it…",
        () => ask(listOf(collection, "users", field.value), { method: "PUT" }), { retry: make });
      if (done) close(done);
    };
    field.input.setAttribute("autofocus", "");
    return h("form", { onsubmit: sends(make) },
      field.element, room, h("p", { class: "actions" }, button("Make it", { class: "primary", type: "submit" })));
  });
  if (!made) return;
  toast("Made ", foreign(made.UserId));
  refresh().catch(() => {});
  location.hash = userLink(collection, made.UserId);
}

/** Which users the largest face of a photograph resembles. */
function find(collection) {
  const leaving = new AbortController();
  let photo = null;
  return modal("Find users by a photograph", (close) => {
    const room = h("div");
    const search = async (file) => {
      release(photo);
      photo = await decode(file);
      const found = await watched(room, "Looking…", () => ask(listOf(collection, "users", "search"), {
        method: "POST", body: file, query: { threshold: LEAST, max_users: FOUND }, signal: leaving.signal,
      }), { retry: () => search(file), signal: leaving.signal });
      if (found) fill(room, results(collection, found, photo, close));
    };
    return [intake({ title: "Whose face is it?", onphoto: search, signal: leaving.signal }), room];
  }).finally(() => { leaving.abort(new DOMException("Closed.", "AbortError")); release(photo); });
}

function results(collection, found, photo, close) {
  if (!found.SearchedFace) return empty("photo", "No face in it", "Choose a photograph that shows one clearly.");
  const face = crop(photo, found.SearchedFace.FaceDetail.BoundingBox, 144, "The face that was searched");
  const users = found.UserMatches.map((match) => h("li", { class: "person" },
    h("a", { href: userLink(collection, match.User.UserId), onclick: () => close() }, foreign(match.User.UserId)),
    h("span", { class: `similarity${match.Similarity < session.threshold ? " soft" : ""}` }, number(match.Similarity, 1)),
    match.Similarity < session.threshold && h("span", { class: "fine" }, "below the threshold")));
  return h("div", { class: "person" }, face, users.length ? h("ul", { "aria-label": "Users" }, users)
    : h("p", {}, `No user reaches a similarity of ${LEAST}.`), h("span", { class: "unseen" }, plural(users.length, "user")));
}
