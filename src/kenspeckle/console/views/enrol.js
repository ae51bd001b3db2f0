// Naming a face: indexes it, alone or with its whole photograph, and tells what was refused and why.

import { button, fill, foreign, h, plural, sends } from "/console/dom.js";
import { fault, identityOf, reason, shown, suggestion } from "/console/names.js";
import { announce, toast, watched } from "/console/notices.js";
import { cutOut } from "/console/photograph.js";
import { ask, at } from "/console/server.js";
import { listOf } from "/console/pages.js";
import { may, offered, refresh } from "/console/session.js";

const BARS = { AUTO: "the server’s own", NONE: "take every face", LOW: "low", MEDIUM: "medium", HIGH: "high" };
const FEW = 3;
const SURE = 90;
const SUGGESTED = 8;
const MOST_ALIKE = 100;
const TYPING = 200;

/** A form to name one face of a searched photograph; behind a button where the photograph has many. */
export function enrolment(face, index, context) {
  const place = h("div", { class: "enrol" });
  const known = face.matches[0]?.Face.ExternalImageId;
  const open = () => fill(place, form(face, index, context));
  const unfold = () => open().querySelector("input").focus();
  if (context.drafts.has(index) || (face.matches.length === 0 && context.faces.length <= FEW)) open();
  else fill(place, button(known ? "Name or add this face" : "Name this face", { class: "plain small", onclick: unfold }, "add"));
  return place;
}

function form(face, index, context) {
  const { faces, photo, collection, drafts } = context;
  const best = face.matches[0];
  const guess = best?.Similarity >= SURE ? best.Person?.name ?? best.Face.ExternalImageId : "";
  const input = personField(collection, { label: "Who is this?", value: drafts.get(index) ?? guess });
  input.input.addEventListener("input", () => drafts.set(index, input.value));
  const alone = faces.length > 1 && photo.bitmap !== null;
  const scope = h("select", { "aria-label": "What is stored" },
    alone && h("option", { value: "face" }, "This face; the others are painted over"),
    h("option", { value: "photograph" }, faces.length > 1 ? `The photograph: ${plural(faces.length, "face")} under one name`
      : "The photograph"));
  const bar = qualityBar();
  const room = h("div", { class: "told" });

  const attempt = async () => {
    if (!input.valid()) return;
    const name = input.value;
    const done = await watched(room, "Storing…", async () => {
      const { identity, query: named } = await input.resolve();
      const others = faces.filter((one) => one !== face).map((one) => one.detail.BoundingBox);
      const body = scope.value === "face" ? await cutOut(photo, face.detail.BoundingBox, others) : photo.file;
      const query = { ...named, collection, quality: bar.value, max_faces: scope.value === "face" ? 1 : Math.max(1, faces.length) };
      return ask(at("index", identity), { method: "PUT", body, query });
    }, { retry: attempt });
    if (!done) return;
    if (done.FaceRecords.length) drafts.delete(index);
    told(done, offered("people") ? name : shown(name), room, context);
  };
  return h("form", { onsubmit: sends(attempt) },
    h("div", { class: "naming" }, input.element, button("Save", { class: "primary", type: "submit" })),
    h("details", { class: "options" }, h("summary", {}, "Options"), h("p", { class: "actions" }, faces.length > 1 ? scope : null, bar)),
    room);
}

/** A choice of how clear a face has to be to be stored. */
export function qualityBar() {
  return h("select", { "aria-label": "Quality bar" },
    Object.entries(BARS).map(([value, words]) => h("option", { value }, `Quality bar: ${words}`)));
}

function told(done, name, room, { status, onenrolled }) {
  const stored = done.FaceRecords.length;
  const refused = done.UnindexedFaces;
  const list = refused.length > 0 && [
    h("p", {}, `${plural(refused.length, "face")} ${refused.length === 1 ? "was" : "were"} refused:`),
    h("ul", {}, refused.map((one) => h("li", {}, one.Reasons.map(reason).join(" ")))),
  ];
  if (!stored) {
    fill(room, h("div", { class: "notice", role: "alert" }, h("h3", {}, "Nothing was stored"), list ||
      h("p", {}, "The server found no face in it."),
      h("p", {}, "Choose a clearer photograph, or a lower quality bar.")));
    return;
  }
  announce(`${plural(stored, "face")} stored as ${name}.`);
  toast(`${plural(stored, "face")} stored as `, foreign(name));
  refresh().catch(() => {});
  onenrolled().then(() => {
    if (list) fill(status, h("div", { class: "notice" }, h("h2", {}, `Stored as ${name}, with refusals`), list));
  });
}

/**
 * A field for who somebody is: a name in any script, with people of that collection to choose from as one types. Where the
 * server has no people, names follow the rule of identities. `{element, input, value, valid(), resolve()}`; `resolve()`
 * gives `{identity, query}` to index with: those of the person who has this name, else of a new one.
 */
export function personField(collection, { label, value = "", hint = "" }) {
  if (!offered("people")) {
    const field = nameField("identity", { label, value, hint });
    return Object.assign(field, { resolve: async () => ({ identity: field.value, query: {} }) });
  }
  const id = `name-${crypto.randomUUID()}`;
  const help = h("span", { class: "hint", id: `${id}-hint` }, hint);
  const known = h("datalist", { id: `${id}-known` });
  const input = h("input", {
    type: "text", id, value, maxlength: 255, autocomplete: "off", spellcheck: "false", dir: "auto", list: known.id, "aria-describedby": help.id,
  });
  const like = (name, limit, quiet) => ask(listOf(collection, "people"), { query: { name, limit, hidden: true }, quiet }).then((page) => page.people);
  const reads = may("read", collection);
  let typing;
  input.addEventListener("input", () => {
    fill(help, hint);
    input.setAttribute("aria-invalid", "false");
    clearTimeout(typing);
    if (!reads || !input.value.trim()) return;
    typing = setTimeout(() => like(input.value.trim(), SUGGESTED, true)
      .then((people) => fill(known, people.map((one) => h("option", { value: one.name })))).catch(() => {}), TYPING);
  });
  return {
    element: h("p", { class: "field" }, h("label", { for: id }, label), input, known, help),
    input,
    get value() { return input.value.trim(); },
    valid: () => {
      const fine = input.value.trim() !== "";
      input.setAttribute("aria-invalid", String(!fine));
      if (!fine) {
        fill(help, "A name is needed.");
        input.focus();
      }
      return fine;
    },
    resolve: async () => {
      const name = input.value.trim();
      const people = reads ? await like(name, MOST_ALIKE, false) : [];
      const person = people.find((one) => one.name.toLowerCase() === name.toLowerCase() && one.external_image_ids.length);
      if (person) return { identity: person.external_image_ids[0], query: {} };
      const identity = identityOf(name);
      return { identity, query: shown(identity) === name ? {} : { name } };
    },
  };
}

/**
 * A text field for a name of that kind, judged while it is typed, with the nearest allowed name to take.
 * `{element, input, value, valid()}`.
 */
export function nameField(kind, { label, value = "", hint = "", id = `name-${crypto.randomUUID()}` }) {
  const help = h("span", { class: "hint", id: `${id}-hint` }, hint);
  const input = h("input", {
    type: "text", id, value, autocomplete: "off", autocapitalize: "off", spellcheck: "false", dir: "auto",
    "aria-describedby": help.id,
  });
  const judge = (strict) => {
    const wrong = input.value === "" && !strict ? null : fault(kind, input.value);
    input.setAttribute("aria-invalid", wrong !== null);
    const better = wrong && suggestion(kind, input.value);
    fill(help, wrong ?? hint, better && [" ", h("button", {
      type: "button", class: "link", onclick: () => { input.value = better; input.dispatchEvent(new Event("input")); input.focus(); },
    }, "Use ", h("strong", {}, better))]);
    help.classList.toggle("wrong", wrong !== null);
    return wrong === null;
  };
  input.addEventListener("input", () => judge(false));
  return {
    element: h("p", { class: "field" }, h("label", { for: id }, label), input, help),
    input,
    get value() { return input.value; },
    valid: () => {
      const fine = judge(true);
      if (!fine) input.focus();
      return fine;
    },
  };
}
