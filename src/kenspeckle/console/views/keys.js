// The view "Keys": who may ask, how much they have asked, and when they last did; making, limiting, revoking keys.

import { button, fill, foreign, h, number, sends, time } from "/console/dom.js";
import { confirmErasure, modal } from "/console/dialogs.js";
import { empty, notice, toast, watched } from "/console/notices.js";
import { ask, at } from "/console/server.js";
import { open } from "/console/session.js";
import { cells, table } from "/console/table.js";
import { createKey, showSecret } from "/console/views/new_key.js";

const COLUMNS = ["Name", "May", "Collections", "Limits", "Used", "Last use", "Expires", ""];

export function view({ signal }) {
  const room = h("div");
  const list = h("div");
  let all = false;
  let keys = [];
  const hide = button("Show revoked and expired keys", {
    class: "plain small", "aria-pressed": "false",
    onclick: () => { all = !all; hide.setAttribute("aria-pressed", String(all)); draw(); },
  });

  async function load() {
    const answer = await watched(room, "Loading keys…", () => ask("/v1/keys", { signal }), { retry: load, signal });
    if (!answer) return;
    keys = answer.keys.reverse();
    draw();
  }

  function draw() {
    const shown = all ? keys : keys.filter((key) => key.state === "active");
    hide.hidden = keys.every((key) => key.state === "active");
    fill(list, shown.length ? table("Keys", COLUMNS, shown.map((key) => row(key, load))) : empty("key", "No keys",
      open() ? "This server answers its own machine only, and asks nobody for a key. That ends with the first one."
        : "None that works. Make one."));
  }

  load().catch(() => {});
  return h("section", { class: "page" },
    h("header", { class: "page-head" },
      h("div", {}, h("h1", {}, "Keys"), h("p", { class: "lead" }, "Who may ask this service, for what, and how much.")),
      h("p", { class: "actions" }, hide,
        button("New key", { class: "primary", onclick: async () => { if (await createKey()) load(); } }, "add"))),
    room, list);
}

function row(key, changed) {
  const active = key.state === "active";
  return h("tr", {}, cells(COLUMNS, [
    h("div", {}, h("strong", {}, foreign(key.name)), " ", active ? null : h("span", { class: "chip bad" }, key.state),
      h("br"), h("code", { class: "soft" }, key.id)),
    h("div", {}, key.scopes.join(", "), key.kind === "aws" ? h("span", { class: "fine" }, " (AWS pair)") : null),
    h("div", {}, key.collections.length ? key.collections.map((one) => h("div", {}, foreign(one))) : "all"),
    h("div", {}, limits(key)),
    h("div", {}, usage(key)),
    time(key.last_used_at),
    key.expires_at ? time(key.expires_at) : "never",
    active && h("div", { class: "actions" },
      button("Limits…", { class: "plain small", "aria-label": `Limits of ${key.name}`, onclick: () => limit(key, changed) }),
      button("Rotate…", { class: "plain small", "aria-label": `Rotate ${key.name}`, onclick: () => rotate(key, changed) }),
      button("Revoke…", { class: "plain small", "aria-label": `Revoke ${key.name}`, onclick: () => revoke(key, changed) }))]));
}

function limits(key) {
  const rate = key.rate === null ? "any rate" : `${number(key.rate, key.rate % 1 ? 1 : 0)} a second, ${number(key.burst)} at once`;
  return [rate, h("br"), h("span", { class: "soft" }, key.quota ? key.quota.replace("/", " a ") : "no quota")];
}

function usage(key) {
  if (key.used === null || !key.quota) return h("span", { class: "soft" }, "–");
  const most = Number(key.quota.split("/")[0]);
  return [`${number(key.used)} `, h("meter", {
    min: 0, max: most, high: most * 0.9, value: Math.min(key.used, most), "aria-label": `Used of the quota of ${key.name}`,
  })];
}

async function limit(key, changed) {
  const done = await modal("Limits", (close) => {
    const rate = field("rate", "Requests a second", key.rate ?? "none");
    const burst = field("burst", "At once", key.burst ?? "");
    const quota = field("quota", "Quota", key.quota ?? "none");
    const room = h("div");
    const save = async () => {
      const body = { rate: numeral(rate.input.value), quota: quota.input.value.trim() || "none" };
      if (burst.input.value.trim() && body.rate !== "none") body.burst = Number(burst.input.value);
      try {
        close(await ask(at("keys", key.id), { method: "PATCH", body }));
      } catch (failure) {
        fill(room, notice(failure));
      }
    };
    return h("form", { onsubmit: sends(save) },
      h("p", {}, "Of the key ", h("strong", {}, foreign(key.name)), ". Write ", h("code", {}, "none"), " for no limit."),
      h("div", { class: "columns" }, rate.element, burst.element, quota.element),
      room, h("p", { class: "actions" }, button("Save", { class: "primary", type: "submit" })));
  });
  if (done) changed();
}

/** A rate as the API takes it: a number, or `none`. */
export function numeral(text) {
  const trimmed = text.trim();
  return trimmed === "" || trimmed === "none" ? "none" : Number(trimmed) || trimmed;
}

/** A plain text field. */
export function field(name, label, value, hint = "") {
  const input = h("input", { type: "text", id: `limit-${name}`, value: String(value), autocomplete: "off", spellcheck: "false" });
  return { input, element: h("p", { class: "field" }, h("label", { for: input.id }, label), input, hint && h("span", { class: "hint" }, hint)) };
}

async function rotate(key, changed) {
  const made = await confirmErasure({
    title: "Rotate this key?", verb: "Rotate", what: ["The key ", h("strong", {}, foreign(key.name)), "."],
    consequences: ["A new key with the same name, rights and expiry is made.",
      "The old one is refused at once. To change without a gap, make a second key first."],
    erase: () => ask(at("keys", key.id, "rotate"), { method: "POST" }),
  });
  if (!made) return;
  await showSecret(made);
  changed();
}

async function revoke(key, changed) {
  const done = await confirmErasure({
    title: "Revoke this key?", verb: "Revoke", what: ["The key ", h("strong", {}, foreign(key.name)), "."],
    consequences: ["Whoever uses it is refused at once.", "A revoked key stays revoked."],
    erase: () => ask(at("keys", key.id), { method: "DELETE" }),
  });
  if (!done) return;
  toast("Revoked ", foreign(key.name));
  changed();
}
