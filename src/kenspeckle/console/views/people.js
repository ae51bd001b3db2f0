// The view "People": everybody of the collection in use by name; search, choice, merging, hiding, erasing.

import { button, fill, foreign, h, icon, plural } from "/console/dom.js";
import { empty } from "/console/notices.js";
import { relist } from "/console/pages.js";
import { thumbnail } from "/console/pictures.js";
import { ask } from "/console/server.js";
import { may, offered, onChange, session } from "/console/session.js";
import { countOf, nameIn, personLink } from "/console/tiles.js";
import { erasePerson, hide, merge, peopleOf } from "/console/views/person_actions.js";

const SIZE = 48;
const TYPING = 250;

export function view({ signal }) {
  const state = { text: "", hidden: false, chosen: new Map(), collection: session.collection };
  const list = h("div");
  const said = h("div", { class: "status" });
  const choice = h("div", { class: "toolbar", hidden: true });
  const actions = h("p", { class: "actions" });
  const search = h("input", {
    type: "search", placeholder: "Search by name", "aria-label": "Search by name", autocomplete: "off", spellcheck: "false", dir: "auto",
  });
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { state.text = search.value.trim(); draw(); }, TYPING);
  });
  const hidden = h("input", { type: "checkbox", onchange: () => { state.hidden = hidden.checked; draw(); } });

  function choose() {
    const people = [...state.chosen.values()];
    list.querySelector(".grid")?.classList.toggle("picking", people.length > 0);
    choice.hidden = people.length === 0;
    const context = { collection: state.collection, said, done: draw };
    fill(choice, h("span", {}, `${plural(people.length, "person", "people")} chosen`),
      button("Choose none", { class: "plain small", onclick: draw }),
      people.length > 1 && button("Merge…", { class: "primary small", onclick: () => merge(people, context) }),
      button(people.every((one) => one.hidden) ? "Show again" : "Hide", {
        class: "plain small", onclick: () => hide(people, !people.every((one) => one.hidden), context),
      }));
  }

  function draw() {
    state.chosen.clear();
    choose();
    fill(actions, may("index", state.collection) && button("Add a person", { class: "primary", onclick: () => add(state, draw) }, "add"));
    relist(list, {
      signal, words: state.text ? "Searching…" : "Loading people…",
      read: async (cursor, leaving) => {
        const query = { name: state.text, hidden: state.hidden || null, limit: SIZE, cursor };
        const page = await ask(peopleOf(state.collection), { query, signal: leaving });
        return { items: page.people, next: page.NextToken ?? null };
      },
      draw: (people) => h("ul", { class: "grid people", "aria-label": "People" }, people.map((one) => tile(one, people, state, { choose, said, draw }))),
      none: () => nothing(state),
    });
  }

  onChange(() => {
    if (session.collection === state.collection) return;
    state.collection = session.collection;
    draw();
  }, signal);
  draw();
  return h("section", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "People"),
      h("p", { class: "lead" }, "Everybody with a name, by alphabet.", may("index", state.collection) && " Tick people to merge or hide them.",
        offered("groups") && [" Faces without one are under ", h("a", { href: "#/unknown" }, "Unknown"), "."])), actions),
    h("div", { class: "toolbar", role: "search" }, h("div", { class: "grow" }, search), h("label", { class: "check" }, hidden, "Show hidden people")),
    said, choice, list);
}

function tile(person, people, state, { choose, said, draw }) {
  const { collection } = state;
  const box = h("input", {
    type: "checkbox", "aria-label": `Choose ${nameIn(person, people)}`, checked: state.chosen.has(person.person_id),
    onchange: () => {
      if (box.checked) state.chosen.set(person.person_id, person);
      else state.chosen.delete(person.person_id);
      choose();
    },
  });
  return h("li", {},
    h("a", { class: "tile", href: personLink(collection, person.person_id), title: person.name },
      thumbnail(collection, person.cover_face_id, person.name),
      h("span", { class: "name" }, foreign(person.name)),
      h("span", { class: "fine number" }, countOf(person, people), person.hidden ? " · hidden" : "")),
    may("index", collection) && h("label", { class: "pick" }, box),
    may("delete", collection) && h("button", {
      type: "button", class: "icon-only erase", title: "Erase…",
      onclick: () => erasePerson(person, { collection, said, done: draw }),
    }, icon("erase"), h("span", {}, "Erase ", nameIn(person, people))));
}

function nothing({ text, collection }) {
  if (text) return empty("search", "Nobody by that name", "Any part of a name is found, in upper or lower case, with or without accents.");
  return empty("face", "Nobody is known here yet",
    may("index", collection) ? ["Add a person, or drop a photograph under ", h("a", { href: "#/" }, "Recognize"), " and give its face a name."]
      : "People appear here as soon as somebody stores them.");
}

async function add(state, draw) {
  const { addPerson } = await import("/console/views/add_person.js");
  if (await addPerson({ collection: state.collection })) draw();
}
