// Tables: on narrow screens each row stands as a list of its cells, each after the head of its column, where cells are wide.

import { h } from "/console/dom.js";

/** A table that may be scrolled by itself. `columns` are heads, "" above buttons; those in `numbers` stand at the right. */
export function table(label, columns, rows, { numbers = [], caption = null, stacked = true } = {}) {
  return h("div", { class: "table", tabindex: 0, role: "region", "aria-label": label }, h("table", { class: stacked ? "stacked" : null },
    caption && h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, columns.map((head) => h("th", { scope: "col", class: numbers.includes(head) ? "number" : null },
      head || h("span", { class: "unseen" }, "Actions"))))),
    h("tbody", {}, rows)));
}

/** The cells of a row, in the order of the columns. */
export function cells(columns, contents, { numbers = [] } = {}) {
  return contents.map((content, at) => h("td", {
    dataset: { head: columns[at] }, class: numbers.includes(columns[at]) ? "number" : columns[at] ? null : "buttons",
  }, content));
}
