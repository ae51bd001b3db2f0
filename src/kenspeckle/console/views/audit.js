// The view "Audit": who did what to whom, newest first.

import { button, fill, foreign, h, number, time } from "/console/dom.js";
import { fact } from "/console/dialogs.js";
import { empty } from "/console/notices.js";
import { relist } from "/console/pages.js";
import { ask } from "/console/server.js";
import { session } from "/console/session.js";
import { cells, table } from "/console/table.js";

const SIZE = 50;
const SINCE = [["", "any time"], ["1h", "the last hour"], ["24h", "the last 24 hours"], ["7d", "the last 7 days"], ["30d", "the last 30 days"], ["365d", "the last year"]];
const OUTCOMES = [["", "any"], ["ok", "done"], ["failed", "refused or failed"]];
const ACTORS = { open: "anybody (no keys yet)", cli: "the command line", nobody: "somebody without a key", service: "the service itself" };
const NUMBERS = { numbers: ["Row", "Faces"] };
const COLUMNS = ["Row", "When", "Operation", "Outcome", "Who", "Collection", "Faces", "Details"];

export function view({ signal }) {
  const list = h("div");
  const draw = () => relist(list, {
    signal, words: "Reading the trail…",
    read: async (before, leaving) => {
      const query = Object.fromEntries(Object.entries(choices).map(([name, one]) => [name, one.value]));
      const answer = await ask("/v1/audit", { query: { ...query, before, limit: SIZE }, signal: leaving });
      offer(choices.operation, answer.operations.map((name) => [name, name]));
      return { items: answer.rows, next: answer.before };
    },
    draw: (rows) => table("Rows of the audit trail", COLUMNS, rows.map(row), NUMBERS),
    none: () => empty("search", "No rows", "Nothing that was recorded fits this choice."),
  });
  const choices = {
    operation: choice("Operation", [["", "any"]], draw),
    outcome: choice("Outcome", OUTCOMES, draw),
    key: choice("Who", [["", "any"], ...Object.entries(ACTORS)], draw),
    collection: choice("In collection", [["", "any"], ...session.collections.map((one) => [one.CollectionId, one.CollectionId])], draw),
    since: choice("Since", SINCE, draw),
  };
  ask("/v1/keys", { signal, quiet: true })
    .then(({ keys }) => offer(choices.key, keys.map((key) => [key.id, `${key.name || key.id}${key.state === "active" ? "" : ` (${key.state})`}`])))
    .catch(() => {});
  draw();
  return h("section", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Audit trail"),
      h("p", { class: "lead" }, "Who did what, newest first. Rows are chained and sealed: ",
        h("code", {}, "kenspeckle audit verify"), " finds whatever was changed."))),
    h("div", { class: "filters", role: "search" },
      Object.values(choices).map((select) => h("p", { class: "field" }, h("label", { for: select.id }, select.dataset.label), select)),
      h("p", { class: "actions" }, button("Show all", {
        class: "plain", onclick: () => { for (const one of Object.values(choices)) one.value = ""; draw(); },
      }))),
    list);
}

function choice(label, options, onchange) {
  const select = h("select", { id: `filter-${crypto.randomUUID()}`, dataset: { label }, onchange });
  offer(select, options);
  return select;
}

/** Adds options that are not there yet. */
function offer(select, options) {
  const there = new Set([...select.options].map((one) => one.value));
  select.append(...options.filter(([value]) => !there.has(value)).map(([value, words]) => h("option", { value }, words)));
}

function row(one) {
  return h("tr", {}, cells(COLUMNS, [
    number(one.number),
    time(one.at),
    one.operation,
    one.outcome === "ok" ? h("span", { class: "chip good" }, "done") : h("span", { class: "chip bad" }, one.outcome.replaceAll("_", " ")),
    h("div", {}, foreign(one.name || ACTORS[one.who] || one.who), one.name ? h("div", { class: "fine" }, one.who) : null),
    one.collection === null ? "–" : foreign(one.collection),
    number(one.face_count),
    h("details", {}, h("summary", {}, "Show"), h("dl", { class: "facts" },
      fact("Request", h("code", {}, foreign(one.request_id))),
      fact("Address", foreign(one.address || "–")),
      Object.entries(one.facts).map(([key, value]) =>
        fact(foreign(key), foreign(typeof value === "string" ? value : JSON.stringify(value)))),
      one.faces.length > 0 && fact("Faces", one.faces.map((id) => h("div", {}, h("code", {}, id)))),
      fact("Hash", h("code", { class: "long" }, one.hash))))], NUMBERS));
}
