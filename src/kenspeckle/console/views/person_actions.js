// What can be done with people, wherever they are shown: renaming, merging, splitting, moving faces, hiding, erasing, undoing.

import { button, fill, foreign, h, plural, sends } from "/console/dom.js";
import { confirmErasure, modal, showReceipt } from "/console/dialogs.js";
import { announce, notice, toast, watched } from "/console/notices.js";
import { listOf, relist } from "/console/pages.js";
import { thumbnail } from "/console/pictures.js";
import { ask } from "/console/server.js";
import { refresh } from "/console/session.js";
import { countOf } from "/console/tiles.js";

const SIZE = 24;
const TYPING = 250;

/** The address of a collection's people, of one, or of something of theirs. */
export function peopleOf(collection, ...rest) {
  return listOf(collection, "people", ...rest);
}

/** A field for a display name, which may be in any script; `save(name)` is called with it. */
export function nameForm({ label, value = "", verb = "Save", save, placeholder = "" }) {
  const input = h("input", { type: "text", id: `person-name-${crypto.randomUUID()}`, value, placeholder, maxlength: 255, autocomplete: "off", spellcheck: "false", dir: "auto", required: true });
  const room = h("div");
  const attempt = async () => {
    try {
      fill(room);
      await save(input.value);
    } catch (failure) {
      fill(room, notice(failure));
    }
  };
  return h("form", { class: "naming-form", onsubmit: sends(attempt) },
    h("div", { class: "naming" }, h("p", { class: "field" }, h("label", { for: input.id }, label), input), button(verb, { class: "primary", type: "submit" })), room);
}

/** Asks whose name stays, and merges. `said` gets a line with a way back; `done(person)` is called after it and after an undo. */
export async function merge(people, { collection, said, done }) {
  const most = people.reduce((best, one) => (one.face_count > best.face_count ? one : best));
  const into = await modal(`Merge ${plural(people.length, "person", "people")}?`, (close) => {
    const radios = people.map((one) => h("input", { type: "radio", name: "into", value: one.person_id, checked: one === most }));
    const go = () => close(people[radios.findIndex((one) => one.checked)]);
    return h("form", { onsubmit: sends(async () => go()) },
      h("fieldset", {}, h("legend", {}, "Which name stays?"), people.map((one, index) => h("label", { class: "person" }, radios[index],
        thumbnail(collection, one.cover_face_id, one.name), h("span", {}, foreign(one.name), h("br"), h("span", { class: "fine" }, countOf(one, people)))))),
      h("p", { class: "soft" }, "All faces will be of one person. You can undo it."),
      h("p", { class: "actions" }, button("Merge", { class: "primary", type: "submit", autofocus: true })));
  });
  if (!into) return;
  await mergeInto(people.filter((one) => one !== into), into, { collection, said, done });
}

/** Merges without a question: what asked was the evidence itself. */
export async function mergeInto(people, into, { collection, said, done }) {
  const undo = [];
  try {
    for (const one of people) {
      const merged = await ask(peopleOf(collection, one.person_id, "merge"), { method: "POST", body: { into: into.person_id } });
      undo.unshift(merged.undo_id);
    }
  } catch (failure) {
    await done(into);
    fill(said, notice(failure));
    return;
  }
  await done(into);
  tellUndo(said, ["Merged into ", foreign(into.name), "."], undo, { collection, done });
}

/** Makes a new person of some faces. Asks for a name. */
export async function split(person, faceIds, { collection, said, done }) {
  const made = await modal(`Another person for ${plural(faceIds.length, "face")}`, (close) => nameForm({
    label: "Name of the new person", verb: "Split", save: async (name) => close(await ask(peopleOf(collection, person.person_id, "split"),
      { method: "POST", body: { face_ids: faceIds, name } })),
  }));
  if (!made) return;
  await done(made);
  tellUndo(said, [plural(faceIds.length, "face"), " of ", foreign(made.name), " now."], [made.undo_id], { collection, done });
}

/** Makes faces another person's, who is asked for. */
export async function move(faceIds, { collection, said, done, except }) {
  const to = await choosePerson(collection, `Whose ${faceIds.length === 1 ? "face is it" : "faces are they"}?`, except);
  if (!to) return;
  try {
    await ask(peopleOf(collection, to.person_id, "faces"), { method: "POST", body: { face_ids: faceIds } });
    toast(plural(faceIds.length, "face"), " moved to ", foreign(to.name));
    await done(to);
  } catch (failure) {
    fill(said, notice(failure));
  }
}

/** Leaves people out of lists, or shows them again. */
export async function hide(people, hidden, { collection, said, done }) {
  try {
    for (const one of people) await ask(peopleOf(collection, one.person_id), { method: "PATCH", body: { hidden } });
    await done();
    toast(people.length === 1 ? foreign(people[0].name) : plural(people.length, "person", "people"), hidden ? " hidden from lists" : " shown again");
  } catch (failure) {
    fill(said, notice(failure));
  }
}

/** Asks, erases, shows the receipt; whether the person was erased. `done()` is called before the receipt is shown. */
export async function erasePerson(person, { collection, done = () => {} }) {
  const erased = await confirmErasure({
    title: "Erase this person?", what: [h("strong", {}, foreign(person.name)), `: ${plural(person.face_count, "face")}.`],
    consequences: ["All faces of this person go, with their templates and thumbnails.", "All photographs that are left without a face.", "This can't be undone."],
    erase: () => ask(peopleOf(collection, person.person_id), { method: "DELETE" }),
  });
  if (!erased) return false;
  refresh().catch(() => {});
  await done();
  await showReceipt(erased.Receipt);
  return true;
}

/** A dialog with the people of a collection and a search; resolves with the one chosen. */
export function choosePerson(collection, title, except = null) {
  const leaving = new AbortController();
  return modal(title, (close) => {
    const list = h("div");
    const search = h("input", { type: "search", placeholder: "Search by name", "aria-label": "Search by name", autocomplete: "off", autofocus: true, dir: "auto" });
    const draw = () => relist(list, {
      signal: leaving.signal, words: "Loading people…",
      read: async (cursor, signal) => {
        const page = await ask(peopleOf(collection), { query: { name: search.value.trim(), limit: SIZE, cursor }, signal });
        return { items: page.people.filter((one) => one.person_id !== except), next: page.NextToken ?? null };
      },
      draw: (people) => h("ul", { class: "choices", "aria-label": "People" }, people.map((one) => h("li", {}, h("button", {
        type: "button", class: "person", onclick: () => close(one),
      }, thumbnail(collection, one.cover_face_id, one.name), h("span", {}, foreign(one.name), h("br"), h("span", { class: "fine" }, countOf(one, people))))))),
      none: () => h("p", { class: "soft" }, "Nobody by that name."),
    });
    let typing;
    search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(draw, TYPING); });
    draw();
    return [search, list];
  }).finally(() => leaving.abort(new DOMException("Closed.", "AbortError")));
}

/** A line that says what was done, with a button to undo it; the steps of several in the reverse of their order. */
export function tellUndo(said, words, undoIds, { collection, done }) {
  const undo = async () => {
    const undone = await watched(said, "Undoing…", async () => {
      for (const undoId of undoIds) await ask(peopleOf(collection, "undo"), { method: "POST", body: { undo_id: undoId } });
      return true;
    });
    if (!undone) return;
    announce("Undone.");
    toast("Undone.");
    await done();
  };
  announce(words.map((one) => one.textContent ?? one).join(""));
  fill(said, h("p", { class: "done" }, h("span", {}, words), button("Undo", { class: "plain small", onclick: undo }, "retry"),
    button("Close", { class: "icon-only", onclick: () => fill(said) }, "close")));
}
