// The view "Audit": who did what to whom, newest first.

import { button, fill, foreign, h, number, time } from "/console/dom.js";
import { fact } from "/console/dialogs.js";
import { empty } from "/console/notices.js";
import { relist } from "/console/pages.js";
import { ask } from "/console/server.js";

const SIZE = 50;
const FIELDS = [
  ["operation", "Operation", "IndexFaces"], ["key", "Key id", "key-…, open, cli"],
  ["collection", "Collection", "any"], ["since", "Since", "12h, 30d, 2026-01-31"],
];
const COLUMNS = ["Row", "When", "Operation", "Outcome", "Who", "Collection", "Faces", "Details"];

export function view({ signal }) {
  const list = h("div");
  const inputs = FIELDS.map(([name, label, placeholder]) => h("input", {
    type: "text", id: `filter-${name}`, name, placeholder, autocomplete: "off", spellcheck: "false", "aria-label": label,
  }));
  const draw = () => {
    const query = Object.fromEntries(inputs.map((one) => [one.name, one.value.trim()]));
    relist(list, {
      signal, words: "Reading the trail…",
      read: async (before, leaving) => {
        const answer = await ask("/v1/audit", { query: { ...query, before, limit: SIZE }, signal: leaving });
        return { items: answer.rows, next: answer.before };
      },
      draw: table,
      none: () => empty("search", "No rows", "Nothing that was recorded fits these words."),
    });
  };
  draw();
  return h("section", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Audit trail"),
      h("p", { class: "lead" }, "Who did what, newest first. Rows are chained and sealed: ",
        h("code", {}, "kenspeckle audit verify"), " finds whatever was changed."))),
    h("form", { role: "search", onsubmit: (event) => { event.preventDefault(); draw(); } },
      h("div", { class: "columns" }, inputs.map((input, at) =>
        h("p", { class: "field" }, h("label", { for: input.id }, FIELDS[at][1]), input))),
      h("p", { class: "actions" }, button("Filter", { class: "primary", type: "submit" }, "search"),
        button("Show all", { class: "plain", onclick: () => { for (const one of inputs) one.value = ""; draw(); } }))),
    list);
}

function table(rows) {
  return h("div", { class: "table", tabindex: 0, role: "region", "aria-label": "Rows of the audit trail" }, h("table", {},
    h("thead", {}, h("tr", {}, COLUMNS.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map(row))));
}

function row(one) {
  return h("tr", {},
    h("td", { class: "number" }, number(one.number)),
    h("td", {}, time(one.at)),
    h("td", {}, one.operation),
    h("td", {}, h("span", { class: `chip ${one.outcome === "ok" ? "good" : "bad"}` }, one.outcome)),
    h("td", {}, foreign(one.name || one.who), one.name ? h("div", { class: "fine" }, one.who) : null),
    h("td", {}, one.collection === null ? "–" : foreign(one.collection)),
    h("td", { class: "number" }, number(one.face_count)),
    h("td", {}, h("details", {}, h("summary", {}, "Show"), h("dl", { class: "facts" },
      fact("Request", h("code", {}, foreign(one.request_id))),
      fact("Address", foreign(one.address || "–")),
      Object.entries(one.facts).map(([key, value]) =>
        fact(foreign(key), foreign(typeof value === "string" ? value : JSON.stringify(value)))),
      one.faces.length > 0 && fact("Faces", one.faces.map((id) => h("div", {}, h("code", {}, id)))),
      fact("Hash", h("code", { class: "long" }, one.hash))))));
}
