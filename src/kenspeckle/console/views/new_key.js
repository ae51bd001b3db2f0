// Making a key: its rights and limits in a dialog, its secret shown once.

import { button, foreign, h, sends } from "/console/dom.js";
import { fact, modal } from "/console/dialogs.js";
import { toast, watched } from "/console/notices.js";
import { ask, useKey } from "/console/server.js";
import { open, refresh, session } from "/console/session.js";
import { field, numeral } from "/console/views/keys.js";

const SCOPES = {
  search: "find who is in a photograph",
  read: "see faces, users and pictures",
  index: "store faces, change users",
  delete: "delete faces and users",
  admin: "everything, keys and audit included",
};

/** Asks for a key's rights, makes it, shows its secret. Resolves to true where one was made. */
export async function createKey() {
  const first = open();
  const made = await modal("New key", (close) => form(first, close), { wide: true });
  if (!made) return false;
  await showSecret(made, first);
  return true;
}

/** The secrets of a new key, which are never shown again. On a server that was open, offers to go on with it. */
export function showSecret(made, first = false) {
  const goOn = first && made.scopes.includes("admin");
  return modal("Keep this key now", (close) => {
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(made.api_key);
        toast("Copied.");
      } catch {
        // Browsers lend the clipboard to secure pages only.
        getSelection().selectAllChildren(secret);
        toast("This browser doesn’t let the page copy. The key is selected: press Ctrl+C or ⌘C.");
      }
    };
    const secret = h("code", { class: "secret", "aria-label": "The key" }, made.api_key);
    return [
      h("p", {}, "It is shown this once and can’t be read again, by anyone. Whoever has it may do what it allows."),
      secret,
      made.access_key_id && h("dl", { class: "facts" },
        fact("Access key id", h("code", { class: "long" }, made.access_key_id)),
        fact("Secret access key", h("code", { class: "long" }, made.secret_access_key))),
      first && h("p", { class: "caution" }, "From now on every request needs a key, this page’s too."),
      h("p", { class: "actions" },
        button("Copy the key", { class: "plain", onclick: copy }, "copy"),
        goOn && button("Go on with this key", {
          class: "primary", onclick: () => { useKey(made.api_key); refresh().catch(() => {}); close(true); },
        }, "key"),
        !goOn && button("I have kept it", { class: "primary", onclick: () => close(true) })),
    ];
  }, { once: true });
}

function form(first, close) {
  const name = field("name", "What is it for?", "", "A name for people: front desk, import, door 2.");
  name.input.setAttribute("autofocus", "");
  const scopes = Object.entries(SCOPES).map(([scope, words]) => h("label", {},
    h("input", { type: "checkbox", value: scope, checked: first || scope !== "admin" }),
    h("span", {}, h("strong", {}, scope), " – ", words)));
  const collections = session.collections.map((one) => h("label", {},
    h("input", { type: "checkbox", value: one.CollectionId }), foreign(one.CollectionId)));
  const expires = field("expires", "Expires", "", "30d, 12h, or a date such as 2030-01-31; empty for never.");
  const rate = field("new-rate", "Requests a second", "", "Empty: 10, with admin any.");
  const quota = field("new-quota", "Quota", "", "10000/day, a week or a month; empty for none.");
  const aws = h("input", { type: "checkbox" });
  const room = h("div");
  const chosen = (boxes) => boxes.map((one) => one.querySelector("input")).filter((one) => one.checked).map((one) => one.value);
  const make = async () => {
    const body = { name: name.input.value.trim(), scopes: chosen(scopes), collections: chosen(collections), aws: aws.checked };
    if (expires.input.value.trim()) body.expires = expires.input.value.trim();
    if (rate.input.value.trim()) body.rate = numeral(rate.input.value);
    if (quota.input.value.trim()) body.quota = quota.input.value.trim();
    const made = await watched(room, "Making it…", () => ask("/v1/keys", { method: "POST", body }), { retry: make });
    if (made) close(made);
  };
  return h("form", { onsubmit: sends(make) },
    first && h("p", { class: "caution" },
      "This is the first key. From then on every request needs one, so let it have the scope admin, or make keys with the command line."),
    name.element,
    h("fieldset", {}, h("legend", {}, "It may"), h("div", { class: "checks" }, scopes)),
    collections.length > 1 && h("fieldset", {}, h("legend", {}, "For these collections only; none chosen: for all"),
      h("div", { class: "checks" }, collections)),
    h("div", { class: "columns" }, expires.element, rate.element, quota.element),
    h("p", { class: "checks" }, h("label", {}, aws, "A pair for AWS SDKs too")),
    room, h("p", { class: "actions" }, button("Make the key", { class: "primary", type: "submit" })));
}
