// The view "Webhooks": who is told of what happens, and what has become of each message.

import { button, fill, foreign, h, number, sends, time } from "/console/dom.js";
import { confirmErasure, modal } from "/console/dialogs.js";
import { empty, notice, toast, watched } from "/console/notices.js";
import { relist } from "/console/pages.js";
import { ask, at } from "/console/server.js";
import { session } from "/console/session.js";
import { cells, table } from "/console/table.js";
import { field } from "/console/views/keys.js";

const EVENTS = { "faces.indexed": "faces were stored", "faces.matched": "a search found somebody", "faces.deleted": "faces were deleted", "erasure.completed": "nothing is left of an erasure", "video.ended": "a video was looked at", "camera.appearance": "somebody appeared before a camera", "audit.anchored": "an anchor of the audit trail, every hour" };
const STATES = { delivered: "good", failed: "bad" };
const SIZE = 50;
const COLUMNS = ["When", "Event", "Collection", "State", "Attempts", "Answer", "Took", ""];
const NUMBERS = { numbers: ["Attempts", "Took"] };

export function view({ signal }) {
  const room = h("div");
  const list = h("div");
  const log = h("section");
  let endpoints = [];

  async function load() {
    const answer = await watched(room, "Loading webhooks…", () => ask("/v1/webhooks", { signal }), { retry: load, signal });
    if (!answer) return;
    endpoints = answer.webhooks;
    fill(list, endpoints.length ? h("ul", { class: "cards" }, endpoints.map((one) => card(one, load, show)))
      : empty("next", "No webhooks yet", "An endpoint gets a signed message when faces are stored, found or deleted."));
  }

  /** The log of one endpoint, below the cards. */
  function show(endpoint) {
    let state = "";
    const rows = h("div");
    const choice = h("select", { "aria-label": "State", onchange: () => { state = choice.value; draw(); } },
      ["", "pending", "delivered", "failed", "erased"].map((one) => h("option", { value: one }, one || "every state")));
    const draw = () => relist(rows, {
      signal, words: "Reading the log…",
      read: async (cursor, leaving) => {
        const answer = await ask(at("webhooks", endpoint.id, "deliveries"), { query: { state, limit: SIZE, cursor }, signal: leaving });
        return { items: answer.deliveries, next: answer.cursor };
      },
      draw: (deliveries) => table("Messages", COLUMNS, deliveries.map((one) => row(one, endpoint, draw)), NUMBERS),
      none: () => empty("search", "No messages", "There was no event for this endpoint."),
    });
    const heading = h("h2", { tabindex: -1 }, "Messages to ", foreign(endpoint.url));
    fill(log, heading, h("div", { class: "toolbar" }, choice,
      button("Reload", { class: "plain small", onclick: draw }, "retry"),
      button("Send failed ones again", { class: "plain small", onclick: () => retry(endpoint, null, draw) })), rows);
    draw();
    heading.focus();
  }

  load().catch(() => {});
  return h("section", { class: "page" },
    h("header", { class: "page-head" },
      h("div", {}, h("h1", {}, "Webhooks"), h("p", { class: "lead" }, "Endpoints that receive a message when faces are stored, found or deleted.")),
      button("New endpoint", { class: "primary", onclick: async () => { if (await create()) load(); } }, "add")),
    room, list, log);
}

function card(one, changed, show) {
  const on = one.state !== "disabled";
  return h("li", { class: "sheet card" },
    h("h2", {}, foreign(one.description || one.url)),
    h("p", {}, h("span", { class: `chip ${one.state === "enabled" ? "good" : "bad"}` }, one.state), " ", h("code", {}, foreign(one.url))),
    one.reason && h("p", { class: "soft" }, foreign(one.reason)),
    one.failing_since && h("p", { class: "soft" }, "Failing since ", time(one.failing_since)),
    h("p", { class: "fine" }, one.events.length ? one.events.join(", ") : "all events", "; ",
      one.collections.length ? one.collections.map((name) => [foreign(name), " "]) : "all collections"),
    h("p", { class: "actions" },
      button("Messages", { class: "plain small", onclick: () => show(one) }),
      button("Send a test", { class: "plain small", onclick: () => test(one) }),
      button(on ? "Disable" : "Enable", { class: "plain small", onclick: () => change(one, { enabled: !on }, changed) }),
      button("Delete…", { class: "plain small", onclick: () => remove(one, changed) }, "erase")));
}

function row(one, endpoint, changed) {
  return h("tr", {}, cells(COLUMNS, [
    time(one.created_at),
    h("div", {}, one.event, h("div", { class: "fine" }, h("code", {}, one.message_id))),
    one.collection === null ? "–" : foreign(one.collection),
    h("div", {}, h("span", { class: `chip ${STATES[one.state] ?? ""}` }, one.state),
      one.next_attempt_at && h("div", { class: "fine" }, "next ", time(one.next_attempt_at))),
    number(one.attempts),
    h("div", {}, one.status ?? "–", one.error && h("div", { class: "fine" }, foreign(one.error))),
    one.milliseconds === null ? "–" : `${number(one.milliseconds)} ms`,
    one.can_retry && one.state === "failed"
      && button("Send again", { class: "plain small", onclick: () => retry(endpoint, one.message_id, changed) })], NUMBERS));
}

async function create() {
  const made = await modal("New endpoint", (close) => {
    const url = field("url", "Address", "", "https://host/path; private hosts have to be allowed by the operator.");
    const description = field("description", "What is it for?", "");
    url.input.setAttribute("autofocus", "");
    const events = checks(Object.entries(EVENTS).map(([event, words]) => [event, `${event} – ${words}`]));
    const collections = checks(session.collections.map((one) => [one.CollectionId, one.CollectionId]));
    const room = h("div");
    const make = async () => {
      const body = { url: url.input.value.trim(), description: description.input.value.trim(), events: events.chosen(), collections: collections.chosen() };
      const done = await watched(room, "Making it…", () => ask("/v1/webhooks", { method: "POST", body }), { retry: make });
      if (done) close(done);
    };
    return h("form", { onsubmit: sends(make) },
      url.element, description.element,
      h("fieldset", {}, h("legend", {}, "Events; none chosen: all but the last"), events.element),
      h("fieldset", {}, h("legend", {}, "In these collections; none chosen: in all"), collections.element),
      room, h("p", { class: "actions" }, button("Make the endpoint", { class: "primary", type: "submit" })));
  }, { wide: true });
  if (!made) return false;
  await modal("Keep this secret now", (close) => [
    h("p", {}, "It is shown this once. Whoever receives messages checks their signatures with it, by any library of Standard Webhooks."),
    h("code", { class: "secret", "aria-label": "The secret" }, made.secret),
    h("p", { class: "actions" }, button("I have kept it", { class: "primary", onclick: () => close(true) }))],
  { once: true });
  return true;
}

function checks(pairs) {
  const inputs = pairs.map(([value]) => h("input", { type: "checkbox", value }));
  return {
    element: h("div", { class: "checks" }, pairs.map(([, words], index) => h("label", {}, inputs[index], foreign(words)))),
    chosen: () => inputs.filter((one) => one.checked).map((one) => one.value),
  };
}

async function test(one) {
  const sent = await tried(() => ask(at("webhooks", one.id, "test"), { method: "POST" }));
  if (sent) toast(sent.state === "delivered" ? `It arrived: ${sent.status} after ${number(sent.milliseconds)} ms.` : ["It did not arrive: ", foreign(sent.error ?? sent.status)]);
}

async function change(one, body, changed) {
  if (await tried(() => ask(at("webhooks", one.id), { method: "PATCH", body }))) changed();
}

async function retry(one, messageId, changed) {
  const body = messageId ? { message_id: messageId } : {};
  const done = await tried(() => ask(at("webhooks", one.id, "retry"), { method: "POST", body }));
  if (!done) return;
  toast(`${number(done.messages)} sent again.`);
  changed();
}

async function remove(one, changed) {
  const done = await confirmErasure({
    title: "Delete this endpoint?", verb: "Delete", what: [h("strong", {}, foreign(one.url))],
    consequences: ["It receives no more messages.", "Its log and pending messages are deleted too."],
    erase: () => ask(at("webhooks", one.id), { method: "DELETE" }),
  });
  if (done) changed();
}

/** Does it, and says in a dialog if it fails. */
async function tried(work) {
  try {
    return await work();
  } catch (failure) {
    await modal("That did not work", () => notice(failure));
    return null;
  }
}
