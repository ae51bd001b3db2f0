// Takes a photograph in: chosen, dropped, pasted or from the camera.

import { button, h, icon } from "/console/dom.js";
import { announce } from "/console/notices.js";

const TAKEN = "image/*,.heic,.heif,.hif,.avif";

/**
 * A field that takes one photograph and calls `onphoto(file)`. With `view`, what is dropped or pasted anywhere on the
 * page is meant for it while that element is shown, whether the field itself is or not; until the signal is aborted.
 */
export function intake({ title, hint, onphoto, view = null, signal }) {
  const picker = h("input", { type: "file", accept: TAKEN, class: "unseen", tabindex: -1, "aria-label": title });
  picker.addEventListener("change", () => {
    if (picker.files.length) take(picker.files, onphoto);
    picker.value = "";
  });
  const field = h("div", { class: "intake" },
    icon("photo"),
    h("p", { class: "intake-title" }, title),
    hint && h("p", { class: "soft" }, hint),
    picker,
    h("p", { class: "actions" },
      button("Choose a photograph", { class: "primary", onclick: () => picker.click() }),
      button("Use the camera", { class: "plain", onclick: () => camera(onphoto) }, "camera")));
  const wanted = () => !view || (view.isConnected && !document.querySelector("dialog[open]"));
  catchDrops(view ? document : field, { field, wanted, onphoto, signal });
  if (view) {
    document.addEventListener("paste", (event) => {
      if (!wanted()) return;
      if (event.clipboardData?.files.length) take(event.clipboardData.files, onphoto);
    }, { signal });
  } else {
    field.addEventListener("paste", (event) => take(event.clipboardData.files, onphoto), { signal });
  }
  return field;
}

async function camera(onphoto) {
  const { photographFromCamera } = await import("/console/camera.js");
  const file = await photographFromCamera();
  if (file) onphoto(file);
}

function take(files, onphoto) {
  if (!files.length) return;
  if (files.length > 1) announce(`One photograph at a time: this is the first of ${files.length}.`);
  onphoto(files[0]);
}

function catchDrops(target, { field, wanted, onphoto, signal }) {
  const carries = (event) => event.dataTransfer?.types.includes("Files") && wanted();
  const glow = (on) => field.classList.toggle("over", on);
  target.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    glow(true);
  }, { signal });
  target.addEventListener("dragleave", (event) => { if (!target.contains(event.relatedTarget)) glow(false); }, { signal });
  target.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    glow(false);
    take(event.dataTransfer.files, onphoto);
  }, { signal });
}
