// The view of all collections: what each holds, how long it keeps it; making and erasing them.

import { button, fill, foreign, h, number, sends, time } from "/console/dom.js";
import { confirmErasure, modal, showReceipt } from "/console/dialogs.js";
import { empty, notice, toast, watched } from "/console/notices.js";
import { listOf, pages, reader } from "/console/pages.js";
import { ask } from "/console/server.js";
import { choose, may, mayService, offered, refresh } from "/console/session.js";
import { nameField } from "/console/views/enrol.js";
import { followAll, upgrade } from "/console/views/upgrade.js";

const SIZE = 24;
const LONGEST = 36_500;

export function view({ signal }) {
  const list = pages({
    signal, read: reader({ path: "/v1/collections", member: "Collections", size: SIZE }),
    draw: (found) => {
      const rooms = new Map(found.map((one) => [one.CollectionId, h("div")]));
      if (offered("upgrade")) followAll(rooms, { changed, signal }).catch(() => {});
      return h("ul", { class: "cards" }, found.map((one) => card(one, rooms.get(one.CollectionId), { changed, signal })));
    },
    none: () => empty("photo", "No collections", "This key is for none that exists."),
  });
  const changed = () => { refresh().catch(() => {}); return list.reload(); };
  return h("section", { class: "page" },
    h("header", { class: "page-head" },
      h("div", {}, h("h1", {}, "Collections"), h("p", { class: "lead" }, "Sets of faces, each searched by itself.")),
      mayService("admin") && button("New collection", { class: "primary", onclick: () => create(changed) }, "add")),
    list);
}

function card(one, room, { changed, signal }) {
  const name = one.CollectionId;
  const tags = Object.entries(one.Tags);
  const admin = may("admin", name);
  return h("li", { class: "sheet card" },
    h("h2", {}, h("a", { href: "#/gallery", onclick: () => choose(name) }, foreign(name))),
    h("dl", { class: "figures" },
      h("div", {}, h("dt", {}, "faces"), h("dd", {}, number(one.FaceCount))),
      h("div", {}, h("dt", {}, "users"), h("dd", {}, number(one.UserCount)))),
    h("p", { class: "fine" }, "Made ", time(one.CreationTimestamp), ". ",
      one.RetentionDays ? `Faces are erased after ${number(one.RetentionDays)} days.` : "Faces are kept indefinitely.",
      one.Pack && [" Model pack ", foreign(one.Pack), "."]),
    tags.length > 0 && h("p", { class: "fine" }, tags.map(([key, value]) => [foreign(key), ": ", foreign(value), " "])),
    room,
    admin && h("p", { class: "actions" },
      offered("upgrade") && button("Upgrade…", { class: "plain small", onclick: () => upgrade(one, room, { changed, signal }) }),
      button("Retention…", { class: "plain small", onclick: () => retain(one, changed) }),
      button("Erase…", { class: "plain small", onclick: () => erase(one, changed) }, "erase")));
}

async function create(changed) {
  const made = await modal("New collection", (close) => {
    const field = nameField("collection", { label: "Name", hint: "Letters a–z, digits and _ . -" });
    const room = h("div");
    const make = async () => {
      if (!field.valid()) return;
      const done = await watched(room, "Making it…",
        () => ask("/v1/collections", { method: "POST", body: { CollectionId: field.value } }), { retry: make });
      if (done) close(done);
    };
    field.input.setAttribute("autofocus", "");
    return h("form", { onsubmit: sends(make) },
      field.element, room, h("p", { class: "actions" }, button("Make it", { class: "primary", type: "submit" })));
  });
  if (!made) return;
  toast("Made ", foreign(made.CollectionId));
  await refresh().catch(() => {});
  choose(made.CollectionId);
  changed();
}

async function retain(one, changed) {
  const done = await modal("How long faces are kept", (close) => {
    const days = h("input", {
      type: "number", id: "days", min: 1, max: LONGEST, step: 1, value: one.RetentionDays ?? "", autofocus: true,
      placeholder: "indefinitely",
    });
    const room = h("div");
    const set = async () => {
      try {
        const body = { RetentionDays: days.value === "" ? null : Number(days.value) };
        close(await ask(listOf(one.CollectionId), { method: "PUT", body }));
      } catch (failure) {
        fill(room, notice(failure));
      }
    };
    return h("form", { onsubmit: sends(set) },
      h("p", { class: "field" }, h("label", { for: "days" }, "Days; empty: indefinitely"), days,
        h("span", { class: "hint" }, "Faces that are older are erased by the service itself, with those that are too old already.")),
      room, h("p", { class: "actions" }, button("Save", { class: "primary", type: "submit" })));
  });
  if (done) changed();
}

async function erase(one, changed) {
  const name = one.CollectionId;
  const done = await confirmErasure({
    title: "Erase this collection?", what: ["Everything in ", h("strong", {}, foreign(name)), "."], word: name,
    consequences: [`${number(one.FaceCount)} faces, ${number(one.UserCount)} users, and their photographs.`, "This can't be undone."],
    erase: () => ask(listOf(name), { method: "DELETE", query: { receipt: true } }),
  });
  if (!done) return;
  await changed();
  await showReceipt(done.Receipt);
}
