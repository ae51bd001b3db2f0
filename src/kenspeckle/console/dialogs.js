// Dialogs: a modal that gives an answer, the question before a deletion, and the receipt after it.

import { button, foreign, h, number, plural, sends, time } from "/console/dom.js";
import { returning } from "/console/focus.js";
import { notice } from "/console/notices.js";
import { ask } from "/console/server.js";

/**
 * Opens a modal dialog and resolves with what `close(value)` was given, undefined when it was dismissed.
 * `build(close)` gives its content. Focus goes back to where it was, or to what was drawn in its place. One that shows
 * something `once` is left by its own buttons only; any other also by Escape, and by going to another view.
 */
export function modal(title, build, { wide = false, once = false } = {}) {
  return new Promise((resolve) => {
    const back = returning(document.activeElement);
    let value;
    const heading = h("h2", { id: `dialog-${crypto.randomUUID()}`, tabindex: -1 }, title);
    const dialog = h("dialog", { "aria-labelledby": heading.id, class: wide ? "wide" : "" });
    const close = (given) => { value = given; dialog.close(); };
    const leave = () => close(undefined);
    dialog.append(
      h("header", {}, heading, !once && button("Close", { class: "icon-only", onclick: leave }, "close")),
      h("div", { class: "dialog-body" }, build(close)));
    if (once) {
      dialog.addEventListener("cancel", (event) => event.preventDefault());
      // Pressed twice, Escape would close a dialog without asking.
      dialog.addEventListener("keydown", (event) => event.key === "Escape" && event.preventDefault());
    } else {
      addEventListener("hashchange", leave);
    }
    dialog.addEventListener("close", () => {
      removeEventListener("hashchange", leave);
      dialog.remove();
      back();
      resolve(value);
    });
    document.body.append(dialog);
    dialog.showModal();
    (dialog.querySelector("[autofocus]") ?? heading).focus();
  });
}

/**
 * Asks before something goes for good, and does it. `what` names it, `consequences` are sentences; with `word` the
 * visitor has to type that. `erase()` does it. Resolves with its answer; undefined when the visitor changed their mind.
 */
export function confirmErasure({ title, what, consequences, word = null, verb = "Erase", erase }) {
  return modal(title, (close) => {
    const room = h("div");
    const typed = word && h("input", { type: "text", id: "confirm-word", autocomplete: "off", spellcheck: "false" });
    const go = button(verb, { class: "danger", type: "submit", disabled: Boolean(word) }, "erase");
    typed?.addEventListener("input", () => { go.disabled = typed.value !== word; });
    const attempt = async () => {
      room.replaceChildren();
      try {
        close((await erase()) ?? true);
      } catch (failure) {
        room.replaceChildren(notice(failure));
      }
    };
    return h("form", { onsubmit: sends(() => go.disabled || attempt()) },
      h("div", { class: "what" }, what),
      h("ul", { class: "consequences" }, consequences.filter(Boolean).map((one) => h("li", {}, one))),
      word && h("p", { class: "field" },
        h("label", { for: "confirm-word" }, "Type ", h("strong", {}, foreign(word)), " to go on"), typed),
      room,
      h("p", { class: "actions" },
        button("Keep", { class: "plain", autofocus: true, onclick: () => close(undefined) }), go));
  });
}

const LOOK_MS = 1000;

/**
 * Shows the signed receipt of an erasure, and lets the visitor save it; a pending one is asked for again until it is
 * complete, or the dialog is closed. Nothing where there is none.
 */
export async function showReceipt(signed) {
  if (!signed) return;
  const told = signed.receipt;
  const signature = h("code", { class: "long" }, signed.signature);
  const state = h("span", { role: "status" }, stateOf(told));
  let open = true;
  const follow = async () => {
    while (open && signed.receipt.complete === false && signed.receipt.id && !signed.receipt.remains) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (!open) return;
      try {
        signed = await ask(`/v1/receipts/${encodeURIComponent(signed.receipt.id)}`);
      } catch {
        return; // the receipt that is shown stays true
      }
    }
    if (!open || signed.receipt.complete === false) return;
    state.textContent = stateOf(signed.receipt);
    signature.textContent = signed.signature;
  };
  const shown = modal("Erased", () => [
    h("p", {}, gone(told.face_count ?? 0, told.image_count ?? 0), " ", state),
    h("dl", { class: "facts" },
      fact("What", foreign([told.erased, told.name].filter(Boolean).join(" "))),
      fact("Collection", foreign(told.collection ?? "–")),
      fact("When", time(told.at)),
      fact("By", foreign(told.by?.name || told.by?.key || "–")),
      fact("Audit row", told.audit ? number(told.audit.number) : "–"),
      fact("Signature", signature)),
    h("p", { class: "soft" }, "The receipt is proof of it, signed by this server. ",
      h("code", {}, "kenspeckle receipts verify FILE"), " checks it."),
    h("p", { class: "actions" },
      button("Save the receipt", { class: "primary", autofocus: true, onclick: () => save(signed) }, "save")),
  ]);
  follow();
  await shown;
  open = false;
}

function stateOf(told) {
  if (told.remains) return `Nothing finds them any longer. Copies are left in: ${told.remains.join("; ")}.`;
  return told.complete === false ? PENDING : COMPLETE;
}

const PENDING = "The last copies on disk are being removed; the receipt is complete then.";
const COMPLETE = "No file of the service holds them any longer.";

function gone(faces, photographs) {
  const what = [plural(faces, "face"), photographs > 0 && plural(photographs, "photograph")].filter(Boolean);
  return `${what.join(" and ")} ${faces === 1 && photographs === 0 ? "is" : "are"} gone.`;
}

/** A pair of a description list. */
export function fact(term, ...words) {
  return h("div", {}, h("dt", {}, term), h("dd", {}, ...words));
}

/** Gives the visitor a JSON file. */
export function save(content, name = `receipt-${content.receipt?.audit?.number ?? Date.now()}.json`) {
  saveFile(new Blob([JSON.stringify(content, null, 2)], { type: "application/json" }), name);
}

/** Gives the visitor a file of that name. */
export function saveFile(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
