// The view "Unknown": faces without a name, grouped by who they seem to be; a name makes a person of a group.

import { button, fill, foreign, h, number, plural, time } from "/console/dom.js";
import { follow } from "/console/jobs.js";
import { announce, empty, notice, toast } from "/console/notices.js";
import { listOf, relist } from "/console/pages.js";
import { thumbnail } from "/console/pictures.js";
import { ask } from "/console/server.js";
import { may, onChange, refresh, session } from "/console/session.js";
import { faceLink, personLink } from "/console/tiles.js";
import { nameForm } from "/console/views/person_actions.js";

const SIZE = 24;
const SHOWN = 6;

export function view({ signal }) {
  let collection = session.collection;
  const said = h("div", { class: "status" });
  const list = h("div");
  const actions = h("p", { class: "actions" });

  function draw() {
    fill(actions, may("index", collection) && button("Group all faces anew", { class: "plain", onclick: group }, "retry"));
    relist(list, {
      signal, words: "Loading groups…",
      read: async (cursor, leaving) => {
        const page = await ask(listOf(collection, "groups"), { query: { limit: SIZE, cursor }, signal: leaving });
        return { items: page.groups, next: page.NextToken ?? null };
      },
      draw: (groups) => h("ul", { class: "cards", "aria-label": "Groups of faces without a name" }, groups.map((one) => card(one, collection, { said, draw }))),
      none: () => empty("face", "Nobody unknown", "Faces that are stored without a name are grouped here by who they seem to be. To store some: ",
        h("code", {}, "kenspeckle index --unnamed FOLDER")),
    });
  }

  async function group() {
    try {
      const begun = await ask(listOf(collection, "groups"), { method: "POST", signal });
      const told = (one) => {
        fill(said, h("p", { class: "busy" }, h("span", { class: "spinner", "aria-hidden": "true" }),
          h("span", {}, one.total ? `Grouping: ${number(one.done)} of ${plural(one.total, "face")}` : "Grouping…")));
      };
      const job = await follow(begun, { signal, told });
      fill(said, job.state === "succeeded" ? null : h("p", { class: "caution", role: "alert" }, "The grouping did not end. ", foreign(job.error ?? "")));
      draw();
    } catch (failure) {
      if (!signal.aborted) fill(said, notice(failure));
    }
  }

  onChange(() => {
    if (session.collection === collection) return;
    collection = session.collection;
    draw();
  }, signal);
  draw();
  return h("section", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Unknown"),
      h("p", { class: "lead" }, "Faces without a name, grouped by who they seem to be. Give a group a name, and it is a person.")), actions),
    said, list);
}

function card(group, collection, { said, draw }) {
  const faces = [...new Set([group.cover_face_id, ...group.face_ids])].filter(Boolean);
  const item = h("li", { class: "sheet card group", tabindex: -1 },
    h("ul", { class: "heap", "aria-label": plural(group.face_count, "face") }, faces.slice(0, SHOWN).map((id, index) =>
      h("li", {}, h("a", { href: faceLink(collection, id) }, thumbnail(collection, id, `face ${index + 1} of this group`))))),
    h("p", { class: "fine" }, plural(group.face_count, "face"), " · ", group.face_count > 1
      ? ["first seen ", time(group.first_seen), ", last ", time(group.last_seen)] : ["seen ", time(group.last_seen)]),
    may("index", collection) && nameForm({
      label: "Who is this?", verb: "Name",
      save: async (name) => {
        const person = await ask(listOf(collection, "groups", group.group_id, "name"), { method: "POST", body: { name } });
        announce(`${person.name}: ${plural(person.face_count, "face")}.`);
        toast(h("a", { href: personLink(collection, person.person_id) }, foreign(person.name)), `: ${plural(person.face_count, "face")}`);
        fill(said);
        const last = item.parentElement.children.length === 1;
        leave(item);
        if (last) draw();
        refresh().catch(() => {});
      },
    }));
  return item;
}

/** Takes an item out of its list; the next one is where work goes on. */
export function leave(item) {
  const next = item.nextElementSibling ?? item.previousElementSibling;
  item.remove();
  (next?.querySelector("input, button") ?? next ?? document.querySelector("h1"))?.focus();
}
