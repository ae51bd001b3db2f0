// Signing in with a key: the whole page at the beginning, a dialog when a key is no longer taken.

import { button, fill, foreign, h, sends } from "/console/dom.js";
import { modal } from "/console/dialogs.js";
import { notice } from "/console/notices.js";
import { Failure, once, useKey } from "/console/server.js";
import { refresh, session } from "/console/session.js";

/** Asks for a key until one is taken. `place` is an element for the form; without it a dialog opens over the view, so
 * that nothing in it is lost. Resolves to true once signed in, false when the dialog was closed. */
export async function signIn(failure, place) {
  if (place) {
    return new Promise((resolve) => {
      fill(place, h("section", { class: "page sign-in" }, h("h1", {}, "Sign in"), form(failure, resolve)));
      place.querySelector("input").focus();
    });
  }
  const given = await modal("This key is no longer taken", (close) => [
    h("p", {}, "It may have been revoked, or has expired. Sign in with another one to go on where you are; nothing is lost."),
    form(null, close),
  ]);
  if (given) refresh().catch(() => {});
  return given === true;
}

function form(failure, done) {
  const room = h("div");
  // Not `current-password`: the key shall stay in this page's memory, so nobody is invited to store it.
  const input = h("input", {
    type: "password", id: "key", name: "kenspeckle-key", autocomplete: "off", spellcheck: "false", required: true,
    autofocus: true, placeholder: "ksp_…", "aria-describedby": "key-hint",
  });
  const go = button("Sign in", { class: "primary", type: "submit" }, "key");
  if (failure && session.info === null && failure.code !== "unauthenticated") room.append(notice(failure));
  const attempt = async () => {
    room.replaceChildren();
    const secret = input.value.trim();
    try {
      if (/[^!-~]/.test(secret)) throw new Failure(STRANGE);
      await once("/v1/info", {}, secret);
      useKey(secret);
      done(true);
    } catch (refused) {
      room.replaceChildren(notice(refused.status === 401 ? new Failure({ ...refused, detail: UNKNOWN }) : refused));
      input.select();
      input.focus();
    }
  };
  return h("form", { onsubmit: sends(attempt) },
    h("p", { class: "field" },
      h("label", { for: "key" }, "Key"), input,
      h("span", { class: "hint", id: "key-hint" },
        "Kept in this page’s memory only, and gone when you close or reload it. Whoever runs the service makes keys: ",
        h("code", {}, foreign("kenspeckle keys create NAME")))),
    exposed() && h("p", { class: "caution" },
      "This page came over plain HTTP: whoever listens on the network can read the key. Use HTTPS."),
    room, h("p", { class: "actions" }, go));
}

const UNKNOWN = "This key is not known here, or is no longer taken. Copy all of it again, or ask whoever runs the service for another one.";

const STRANGE = {
  code: "unauthenticated", title: "This is no key", detail: "A key has letters, digits and underscores only. Copy it again.",
};

function exposed() {
  return location.protocol === "http:" && !/^(localhost|127\.|\[::1\])/.test(location.hostname);
}
