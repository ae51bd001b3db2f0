// Adding a person from several photographs: each shows that person alone, and is stored under one name.

import { button, fill, foreign, h, number, plural, sends } from "/console/dom.js";
import { modal } from "/console/dialogs.js";
import { intake } from "/console/intake.js";
import { reason, shown } from "/console/names.js";
import { announce, toast } from "/console/notices.js";
import { Failure, ask, at } from "/console/server.js";
import { offered, refresh, session } from "/console/session.js";
import { personField, qualityBar } from "/console/views/enrol.js";

/** Asks for a name and photographs, and stores these. Resolves with the identity, undefined where nothing was stored. */
export async function addPerson({ identity = null, name = "", collection = session.collection } = {}) {
  const leaving = new AbortController();
  const stored = await modal(identity ? ["Add photographs of ", foreign(name)] : "Add a person", (close) => form({ identity, name, collection, leaving, close }));
  leaving.abort(new DOMException("Closed.", "AbortError"));
  if (!stored) return undefined;
  toast(`${plural(stored.count, "face")} stored as `, foreign(offered("people") ? stored.name : shown(stored.identity)));
  refresh().catch(() => {});
  return stored.identity;
}

function form({ identity, name, collection, leaving, close }) {
  const { signal } = leaving;
  let files = [];
  let stored = 0;
  const field = personField(collection, { label: "Name", hint: "Each photograph should show this person alone." });
  const list = h("ul", { class: "outcomes", "aria-label": "Photographs" });
  const bar = qualityBar();
  const go = button("Store them", { class: "primary", type: "submit", disabled: true });
  const take = (more) => {
    files = [...files, ...more];
    fill(list, files.map((file) => h("li", {}, foreign(file.name), " ", h("span", { class: "fine", role: "status" }))));
    go.disabled = false;
    go.lastChild.textContent = `Store ${plural(files.length, "photograph")}`;
  };
  const place = intake({ title: "Photographs of one person", several: true, onphotos: take, signal });
  place.classList.add("small");
  const work = async () => {
    if (!identity && !field.valid()) return;
    go.disabled = true;
    const { identity: under, query } = identity ? { identity, query: {} } : await field.resolve();
    const left = [];
    for (const [index, file] of files.entries()) {
      const line = list.children[index].lastChild;
      line.textContent = "…";
      const outcome = await store(file, under, { query: { ...query, collection, quality: bar.value, max_faces: 1 }, signal });
      if (signal.aborted) return;
      line.textContent = outcome.words;
      line.classList.toggle("wrong", !outcome.count);
      stored += outcome.count;
      if (!outcome.count) left.push(file);
    }
    if (!left.length) {
      close({ identity: under, name: identity ? name : field.value, count: stored });
      return;
    }
    announce(`${number(files.length - left.length)} of ${plural(files.length, "photograph")} stored.`);
    files = [];
    go.lastChild.textContent = "Store them";
    if (stored) fill(done, button("Done", { class: "plain", onclick: () => close({ identity: under, name: identity ? name : field.value, count: stored }) }));
  };
  const done = h("span");
  field.input.setAttribute("autofocus", "");
  return h("form", { class: "adding", onsubmit: sends(work) }, identity ? null : field.element, place, list,
    h("details", { class: "options" }, h("summary", {}, "Options"), bar), h("p", { class: "actions" }, done, go));
}

/** `{count, words}`: faces that were stored, and what to say of the photograph. */
async function store(file, identity, { query, signal }) {
  try {
    const answer = await ask(at("index", identity), { method: "PUT", body: file, query, signal });
    const why = answer.UnindexedFaces.flatMap((one) => one.Reasons).map(reason);
    const others = answer.UnindexedFaces.length;
    if (answer.FaceRecords.length) {
      return { count: answer.FaceRecords.length, words: others ? `The largest face was stored; ${plural(others, "other face")} left out.` : "stored" };
    }
    return { count: 0, words: why.length ? [...new Set(why)].join(" ") : "There is no face in it." };
  } catch (failure) {
    if (!(failure instanceof Failure) && !signal.aborted) throw failure;
    return { count: 0, words: failure.detail };
  }
}
