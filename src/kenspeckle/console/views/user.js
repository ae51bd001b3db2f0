// The view of one user: its faces, giving and taking them, users like it, deleting it.

import { button, fill, foreign, h, icon, number, plural, time } from "/console/dom.js";
import { confirmErasure, modal, showReceipt } from "/console/dialogs.js";
import { reason, shown } from "/console/names.js";
import { empty, toast, watched } from "/console/notices.js";
import { listOf, reader, relist } from "/console/pages.js";
import { ask } from "/console/server.js";
import { may, refresh, session } from "/console/session.js";
import { LEAST } from "/console/threshold.js";
import { grid, userLink } from "/console/tiles.js";

const MOST = 100;
const SIZE = 48;

export function view({ words: [collection, userId], signal }) {
  const room = h("div");
  const lead = h("p", { class: "lead" });
  const faces = h("div");
  const chosen = new Map();
  const actions = h("p", { class: "actions" });
  const context = { collection, userId, signal, reload: load };

  async function load() {
    const user = await watched(room, "Loading the user…", async () => {
      const [described, page] = await Promise.all([
        ask(listOf(collection, "users", userId), { signal }),
        ask(listOf(collection, "faces"), { query: { user_id: userId, limit: MOST }, signal }),
      ]);
      return { ...described, faces: page.Faces };
    }, { retry: load, signal });
    if (!user) return;
    fill(lead, `${plural(user.FaceCount, "face")}, since `, time(user.CreationTimestamp), ".");
    chosen.clear();
    fill(faces, user.faces.length
      ? grid(collection, user.faces, { chosen: may("index", collection) ? chosen : null, onchoice: choose })
      : empty("photo", "No faces yet", "Add faces of this person that are in the collection."));
    choose();
  }

  function choose() {
    fill(actions,
      may("index", collection) && chosen.size > 0
        && button(`Take ${plural(chosen.size, "face")} away`, { class: "plain", onclick: () => take(context, chosen) }),
      may("index", collection) && button("Add faces", { class: "primary", onclick: () => add(context) }, "add"),
      may("delete", collection) && button("Delete…", { class: "plain", onclick: () => remove(context) }, "erase"));
  }

  load().catch(() => {});
  return h("section", { class: "page" },
    h("a", { class: "back", href: "#/users" }, icon("back"), "Users"),
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, foreign(userId)), lead), actions),
    room, faces, may("search", collection) && alike(context));
}

function alike({ collection, userId, signal }) {
  const room = h("div");
  const look = async () => {
    const found = await watched(room, "Looking…", () => ask(listOf(collection, "users", userId, "search"), {
      method: "POST", query: { threshold: LEAST }, signal,
    }), { retry: look, signal });
    if (!found) return;
    fill(room, found.UserMatches.length ? h("ul", {}, found.UserMatches.map((match) => h("li", {},
      h("a", { href: userLink(collection, match.User.UserId) }, foreign(match.User.UserId)), " ",
      h("span", { class: "number" }, number(match.Similarity, 1)),
      match.Similarity < session.threshold && h("span", { class: "soft" }, " below the threshold"))))
      : h("p", { class: "soft" }, "No other user is like this one."));
  };
  return h("section", {}, h("div", { class: "section-head" }, h("h2", {}, "Users like this one"),
    button("Look", { class: "plain small", onclick: look }, "search")), room);
}

/** A dialog with the faces of the collection; those chosen are given to the user. */
async function add({ collection, userId, signal, reload }) {
  const leaving = new AbortController();
  const chosen = new Map();
  const done = await modal(`Add faces to ${userId}`, (close) => {
    const room = h("div");
    const list = h("div");
    const go = button("Add", { class: "primary", disabled: true, onclick: () => give() });
    const search = h("input", { type: "search", placeholder: "Search by name", "aria-label": "Search by name", autofocus: true });
    let typing;
    const draw = () => relist(list, {
      signal: AbortSignal.any([signal, leaving.signal]),
      read: reader({
        path: listOf(collection, "faces"), member: "Faces", size: SIZE,
        wanted: (face) => !face.UserId && shown(face.ExternalImageId).toLowerCase().includes(search.value.trim().toLowerCase()),
      }),
      draw: (faces) => grid(collection, faces, { chosen, onchoice: () => { go.disabled = chosen.size === 0; } }),
      none: () => empty("search", "No free faces", "Faces that belong to a user are not shown here."),
    });
    const give = async () => {
      const answer = await watched(room, "Adding…", () => ask(listOf(collection, "users", userId, "faces"), {
        method: "POST", body: { FaceIds: [...chosen.keys()].slice(0, MOST) },
      }), { retry: give });
      if (answer) close(answer);
    };
    search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(draw, 300); });
    draw();
    return [search, list, room, h("p", { class: "actions" }, go)];
  }, { wide: true });
  leaving.abort(new DOMException("Closed.", "AbortError"));
  if (!done) return;
  // What is said comes after what is drawn: a face chosen in between would be let go by the drawing.
  await reload();
  const refused = done.UnsuccessfulFaceAssociations;
  if (refused.length) {
    const why = [...new Set(refused.flatMap((one) => one.Reasons))].map(reason);
    toast(`${plural(refused.length, "face")} refused: ${why.join(" ")}`);
  }
}

async function take({ collection, userId, reload }, chosen) {
  const said = await ask(listOf(collection, "users", userId, "faces", "delete"), {
    method: "POST", body: { FaceIds: [...chosen.keys()] },
  }).then(() => `${plural(chosen.size, "face")} taken away; they stay in the collection.`, (failure) => failure.detail);
  await reload();
  toast(said);
}

async function remove({ collection, userId }) {
  const along = h("input", { type: "checkbox", id: "along" });
  const done = await confirmErasure({
    title: "Delete this user?", verb: "Delete",
    what: [h("p", {}, "The user ", h("strong", {}, foreign(userId)), "."),
      h("p", { class: "checks" }, h("label", { for: "along" }, along, "Erase its faces and their photographs too"))],
    consequences: ["Without that, its faces stay in the collection and are found as before."],
    erase: () => ask(listOf(collection, "users", userId), { method: "DELETE", query: along.checked ? { faces: true } : {} }),
  });
  if (!done) return;
  refresh().catch(() => {});
  if (done.Receipt) await showReceipt(done.Receipt);
  location.hash = "#/users";
}
