// The faces of the collection in use as pictures, or its people; search, choice, deletion.

import { button, fill, foreign, h, plural } from "/console/dom.js";
import { confirmErasure, showReceipt } from "/console/dialogs.js";
import { reason, shown } from "/console/names.js";
import { empty, toast } from "/console/notices.js";
import { listOf, reader, relist } from "/console/pages.js";
import { ask } from "/console/server.js";
import { current, may, offered, onChange, refresh, session } from "/console/session.js";
import { grid } from "/console/tiles.js";

const SIZE = 48;
const TYPING = 300;

export function view({ signal }) {
  const state = { text: "", people: false, chosen: new Map(), collection: session.collection };
  const lead = h("p", { class: "lead" });
  const told = h("p", { class: "fine", role: "status" });
  const list = h("div");
  const choice = h("div", { class: "toolbar", hidden: true });
  const search = h("input", {
    type: "search", placeholder: "Search by name", "aria-label": "Search by name", autocomplete: "off", spellcheck: "false",
  });
  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { state.text = search.value.trim(); draw(); }, TYPING);
  });
  const kinds = kindSwitch(state, () => draw());

  function head() {
    const described = current();
    lead.textContent = described?.FaceCount === undefined ? ""
      : `${plural(described.FaceCount, "face")}, ${plural(described.UserCount, "user")}.${may("delete", state.collection) ? " Tick faces to delete them." : ""}`;
  }

  function choose() {
    list.querySelector(".grid")?.classList.toggle("picking", state.chosen.size > 0);
    choice.hidden = state.chosen.size === 0;
    fill(choice, h("span", {}, `${plural(state.chosen.size, "face")} chosen`),
      button("Choose none", { class: "plain small", onclick: () => { state.chosen.clear(); draw(); } }),
      button("Delete…", { class: "danger small", onclick: () => remove(state).then((gone) => gone && draw()) }, "erase"));
  }

  function draw() {
    const { collection } = state;
    state.chosen.clear();
    choose();
    told.textContent = "";
    relist(list, {
      signal, words: state.text ? "Searching…" : "Loading faces…",
      read: reader({
        path: listOf(collection, "faces"), member: "Faces", size: SIZE, wanted: filter(state),
        ontold: (count) => { told.textContent = `Looked through ${plural(count, "face")}.`; },
      }),
      draw: (faces) => grid(collection, faces, {
        chosen: may("delete", collection) && !state.people ? state.chosen : null, onchoice: choose,
        label: state.people ? "People" : "Faces",
      }),
      none: () => nothing(state),
    });
  }

  onChange(() => {
    head();
    if (session.collection === state.collection) return;
    state.collection = session.collection;
    draw();
  }, signal);
  head();
  draw();
  return h("section", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Faces"), lead)),
    h("div", { class: "toolbar", role: "search" }, h("div", { class: "grow" }, search), offered("people") ? null : kinds), choice, told, list);
}

function kindSwitch(state, redraw) {
  const both = [["Faces", false], ["People", true]].map(([words, people]) => button(words, {
    "aria-pressed": String(people === state.people),
    onclick: () => {
      state.people = people;
      both.forEach((one, index) => one.setAttribute("aria-pressed", String((index === 1) === people)));
      redraw();
    },
  }));
  return h("div", { class: "switch", role: "group", "aria-label": "Show" }, both);
}

/** Which faces of the list are wanted; null for all. People are the first face of each name. */
function filter({ text, people }) {
  const sought = text.toLowerCase();
  const names = (face) => [face.ExternalImageId ?? "", shown(face.ExternalImageId), face.UserId ?? ""];
  const fits = (face) => names(face).some((name) => name.toLowerCase().includes(sought));
  if (!people) return text ? fits : null;
  const first = new Map();
  return (face) => {
    const name = face.ExternalImageId ?? face.FaceId;
    if (!first.has(name)) first.set(name, face.FaceId);
    // The same face again, when a page is turned back.
    return first.get(name) === face.FaceId && fits(face);
  };
}

function nothing({ text, collection }) {
  if (text) return empty("search", "Nobody by that name", "Names are searched as they were indexed, any part of them.");
  return empty("photo", "No faces yet",
    may("index", collection) ? ["Drop a photograph under ", h("a", { href: "#/" }, "Recognize"), " and give its face a name."]
      : "Faces appear here as soon as somebody indexes them.");
}

async function remove({ chosen, collection }) {
  const faces = [...chosen.values()];
  const done = await confirmErasure({
    title: `Delete ${plural(faces.length, "face")}?`,
    what: grid(collection, faces, { label: "Faces to delete" }),
    consequences: [
      "They are never found again, and their templates are overwritten on disk.",
      "A photograph goes with the last of its faces.",
      "Faces that belong to a user stay until they are taken from it.",
    ],
    verb: `Delete ${plural(faces.length, "face")}`,
    erase: () => ask(listOf(collection, "faces", "delete"), {
      method: "POST", body: { FaceIds: faces.map((face) => face.FaceId) },
    }),
  });
  if (!done) return false;
  refresh().catch(() => {});
  await showReceipt(done.Receipt);
  const stayed = done.UnsuccessfulFaceDeletions;
  if (stayed.length) {
    const reasons = [...new Set(stayed.flatMap((one) => one.Reasons))].map(reason);
    toast(`${plural(stayed.length, "face")} stayed: ${reasons.join(" ")}`);
  }
  return true;
}
