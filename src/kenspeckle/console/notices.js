// Tells people what happened: failures with what to do about them, short confirmations, words for screen readers.

import { button, fill, foreign, h, icon, pause } from "/console/dom.js";
import { Failure } from "/console/server.js";

const SLOW = 4000;

const ADVICE = {
  unsupported_image: "Choose a photograph: JPEG, PNG, WebP, AVIF or HEIC.",
  damaged_image: "Save or export it again, and send the new file.",
  image_too_large: "Make it smaller, or ask the operator to raise the limit.",
  image_too_small: "Choose a larger picture of the same face.",
  no_face: "Choose one where a face can be seen, from the front and not too small.",
  too_many_faces: "Choose one that shows a single person.",
  storage_full: "Reading and searching go on; the operator has to free disk space.",
  internal_error: "Tell the operator the request id below; the server's log has more under it.",
  forbidden: "Sign in with another key, or ask for one with that right.",
};

/** A failure as a box: what happened, what to do, and a button to try again where `retry` is given. */
export function notice(failure, { retry = null, signal = null } = {}) {
  const told = failure instanceof Failure ? failure : surprise(failure);
  const box = h("section", { class: "notice", role: "alert", dataset: { code: told.code } },
    h("h2", {}, told.title),
    h("p", {}, foreign(told.detail), ADVICE[told.code] ? ` ${ADVICE[told.code]}` : ""));
  if (retry && mayHelp(told)) box.append(again(told, retry, signal));
  if (told.requestId) box.append(h("p", { class: "fine" }, "Request ", h("code", {}, told.requestId)));
  return box;
}

/** Shows `work`'s progress in `place`: its words while it runs, more of them when it is slow, a notice if it fails. */
export async function watched(place, words, work, { retry = null, signal = null, stop = null } = {}) {
  const line = h("p", { class: "busy" }, h("span", { class: "spinner", "aria-hidden": "true" }), h("span", {}, words));
  const timer = setTimeout(() => {
    line.append(h("span", { class: "soft" }, "This takes longer than usual; the server may be busy."));
    if (stop) line.append(button("Cancel", { class: "plain", onclick: stop }));
    announce("This takes longer than usual.");
  }, SLOW);
  fill(place, line);
  try {
    return await work();
  } catch (failure) {
    if (signal?.aborted) throw failure;
    if (failure?.name === "AbortError") fill(place);
    else fill(place, notice(failure, { retry, signal }));
    return undefined;
  } finally {
    clearTimeout(timer);
    line.remove();
  }
}

/** Words for screen readers alone. */
export function announce(words) {
  document.getElementById("announcements").textContent = words;
}

/** A short confirmation that goes by itself; over the open dialog where there is one, for it covers all else. */
export async function toast(...words) {
  const shown = h("p", { class: "toast", role: "status" }, ...words);
  const place = h("div", { class: "toasts" }, shown);
  document.querySelector(".toasts")?.remove();
  ([...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body).append(place);
  await pause(6000);
  place.remove();
}

/** Nothing to show, and how to change that. */
export function empty(symbol, title, ...words) {
  return h("div", { class: "empty" }, icon(symbol), h("h2", {}, title), h("p", {}, ...words));
}

/** The same request may go better later, with another key, or after a change; a wrong photograph stays wrong. */
function mayHelp({ passing = true, status }) {
  return passing || [401, 403, 409].includes(status);
}

function again(failure, retry, signal) {
  const press = button("Try again", { class: "primary", onclick: retry }, "retry");
  if (failure.wait > 0) countDown(press, failure.wait, signal);
  return h("p", {}, press);
}

async function countDown(press, seconds, signal) {
  const words = press.lastChild;
  press.disabled = true;
  for (let left = Math.min(seconds, 3600); left > 0; left -= 1) {
    words.textContent = `Try again in ${left} s`;
    try {
      await pause(1000, signal);
    } catch {
      return;
    }
  }
  words.textContent = "Try again";
  press.disabled = false;
  announce("You can try again now.");
}

function surprise(error) {
  console.error(error);
  return { code: "surprise", title: "The page met an error of its own", detail: String(error?.message ?? error) };
}
