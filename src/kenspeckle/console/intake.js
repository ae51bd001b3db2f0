// Takes a photograph in: chosen, dropped, pasted or from the camera.

import { button, h, icon } from "/console/dom.js";
import { announce } from "/console/notices.js";

const TAKEN = "image/*,.heic,.heif,.hif,.avif";

/**
 * A field that takes one photograph and calls `onphoto(file)`; with `several` as many as are given at once, and calls
 * `onphotos(files)`. With `view`, what is dropped or pasted anywhere on the
 * page is meant for it while that element is shown, whether the field itself is or not; until the signal is aborted.
 * `accept` and `choose` are kinds of files and words of the button, where it is not for `photographs`.
 */
export function intake({ title, hint, several = false, accept = TAKEN, choose = several ? "Choose photographs" : "Choose a photograph", photographs = true, onphoto = null, onphotos = (files) => onphoto(files[0]), view = null, signal }) {
  const picker = h("input", { type: "file", accept, multiple: several, class: "unseen", tabindex: -1, "aria-label": title });
  const take = (files) => {
    if (!files.length) return;
    if (files.length > 1 && !several) announce(`One at a time: this is the first of ${files.length}.`);
    onphotos([...files]);
  };
  picker.addEventListener("change", () => {
    // A copy: the list empties with the field.
    const files = [...picker.files];
    picker.value = "";
    take(files);
  });
  const field = h("div", { class: "intake" },
    icon(photographs ? "photo" : "video"),
    h("p", { class: "intake-title" }, title),
    hint && h("p", { class: "soft" }, hint),
    picker,
    h("p", { class: "actions" },
      button(choose, { class: "primary", onclick: () => picker.click() }),
      photographs && button("Use the camera", { class: "plain", onclick: () => camera(take) }, "camera")));
  const wanted = () => !view || (view.isConnected && !document.querySelector("dialog[open]"));
  catchDrops(view ? document : field, { field, wanted, take, signal });
  if (view) {
    document.addEventListener("paste", (event) => {
      if (!wanted()) return;
      if (event.clipboardData?.files.length) take(event.clipboardData.files);
    }, { signal });
  } else {
    field.addEventListener("paste", (event) => take(event.clipboardData.files), { signal });
  }
  return field;
}

async function camera(take) {
  const { photographFromCamera } = await import("/console/camera.js");
  const file = await photographFromCamera();
  if (file) take([file]);
}

function catchDrops(target, { field, wanted, take, signal }) {
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
    take(event.dataTransfer.files);
  }, { signal });
}
