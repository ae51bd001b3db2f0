// The view of one person: the name, all faces, what can be done with both.

import { button, fill, foreign, h, icon, plural } from "/console/dom.js";
import { empty, toast, watched } from "/console/notices.js";
import { relist } from "/console/pages.js";
import { ask } from "/console/server.js";
import { may, offered } from "/console/session.js";
import { grid, personLink, userLink } from "/console/tiles.js";
import { choosePerson, erasePerson, hide, merge, move, nameForm, peopleOf, split } from "/console/views/person_actions.js";

const SIZE = 48;

export function view({ words: [collection, personId], signal }) {
  const context = { collection, personId, signal, person: null, chosen: new Map(), said: h("div", { class: "status" }) };
  const title = h("h1", {}, "A person");
  const lead = h("p", { class: "lead" });
  const room = h("div", { class: "status" });
  const naming = h("div");
  const actions = h("p", { class: "actions" });
  const choice = h("div", { class: "toolbar", hidden: true });
  const list = h("section");
  const photographs = h("div", { hidden: true }, h("h2", {}, "Photographs"),
    may("index", collection) && h("p", { class: "soft" }, "Tick those that show somebody else, to move or split them."));

  async function load() {
    const person = await watched(room, "Loading the person…", () => ask(peopleOf(collection, personId), { signal }), { retry: load, signal });
    if (!person) return;
    context.person = person;
    photographs.hidden = false;
    head();
    faces();
  }

  function head() {
    const { person } = context;
    fill(title, foreign(person.name));
    document.title = `${person.name} · Kenspeckle`;
    fill(lead, plural(person.face_count, "face"), person.hidden ? ", hidden from lists" : "", person.user_id
      ? [", user ", h("a", { href: userLink(collection, person.user_id) }, foreign(person.user_id))] : null, ".");
    const after = { collection, said: context.said, done: load };
    fill(naming, may("index", collection) && nameForm({
      label: "Name", value: person.name, verb: "Rename",
      save: async (name) => {
        context.person = await ask(peopleOf(collection, personId), { method: "PATCH", body: { name } });
        head();
        toast("Renamed to ", foreign(context.person.name));
      },
    }));
    fill(actions,
      may("index", collection) && [
        button("Add photographs", { class: "plain", onclick: () => add(context, load) }, "add"),
        button("Merge with…", { class: "plain", onclick: () => mergeWith(context, after) }),
        button(person.hidden ? "Show in lists" : "Hide", { class: "plain", onclick: () => hide([person], !person.hidden, after) })],
      may("delete", collection) && button("Erase…", {
        class: "plain", onclick: async () => {
          // Only once the receipt was seen: a dialog closes when the view is left.
          if (await erasePerson(person, { collection })) location.hash = "#/people";
        },
      }, "erase"));
  }

  function faces() {
    context.chosen.clear();
    choose();
    relist(list, {
      signal, words: "Loading faces…",
      read: async (cursor, leaving) => {
        const page = await ask(peopleOf(collection, personId, "faces"), { query: { limit: SIZE, cursor }, signal: leaving });
        return { items: page.Faces, next: page.NextToken ?? null };
      },
      draw: (found) => grid(collection, found, {
        chosen: may("index", collection) ? context.chosen : null, onchoice: choose, label: "Photographs", name: context.person.name,
      }),
      none: () => empty("photo", "No faces", "This person has none yet."),
    });
  }

  function choose() {
    const { chosen, person, said } = context;
    const ids = [...chosen.keys()];
    list.querySelector(".grid")?.classList.toggle("picking", ids.length > 0);
    choice.hidden = ids.length === 0;
    const after = { collection, said, done: () => load(), except: personId };
    fill(choice, h("span", {}, `${plural(ids.length, "face")} chosen`),
      button("Choose none", { class: "plain small", onclick: faces }),
      button("Move to…", { class: "plain small", onclick: () => move(ids, after) }),
      person && ids.length < person.face_count && button("Split into a new person…", { class: "plain small", onclick: () => split(person, ids, after) }),
      person && offered("groups") && button("Not this person", { class: "plain small", onclick: () => apart(ids, context, load) }));
  }

  load().catch(() => {});
  return h("section", { class: "page" },
    h("a", { class: "back", href: "#/people" }, icon("back"), "People"),
    h("header", { class: "page-head" }, h("div", {}, title, lead), actions),
    room, naming, context.said, choice, photographs, list);
}

async function add({ collection, person }, done) {
  const { addPerson } = await import("/console/views/add_person.js");
  const [identity] = person.external_image_ids;
  if (await addPerson({ identity: identity ?? null, name: person.name, collection, person })) done();
}

async function mergeWith({ collection, person }, after) {
  const other = await choosePerson(collection, "Who is the same person?", person.person_id);
  if (!other) return;
  await merge([person, other], {
    ...after, done: async (kept) => { if (kept && kept.person_id !== person.person_id) location.hash = personLink(collection, kept.person_id); else await after.done(); },
  });
}

/** Faces that are somebody else's: kept apart for good. */
async function apart(faceIds, { collection, personId, said }, done) {
  const answer = await watched(said, "Keeping them apart…", () =>
    ask(peopleOf(collection, personId, "not"), { method: "POST", body: { face_ids: faceIds } }));
  if (!answer) return;
  toast(plural(faceIds.length, "face"), " kept apart for good");
  done();
}
