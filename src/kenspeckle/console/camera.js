// The camera: a dialog that shows what it sees, and gives one photograph.

import { button, h } from "/console/dom.js";
import { modal } from "/console/dialogs.js";
import { notice } from "/console/notices.js";

/** Resolves with a JPEG file, undefined when the visitor closed the dialog. */
export async function photographFromCamera() {
  let stream = null;
  const taken = await modal("Camera", (close) => {
    const room = h("div", { class: "camera" });
    const video = h("video", { autoplay: true, playsinline: true, "aria-label": "What the camera sees" });
    video.muted = true;
    const shoot = button("Take the photograph", { class: "primary", disabled: true }, "camera");
    shoot.addEventListener("click", async () => close(await still(video)));
    room.append(video, h("p", { class: "actions" }, shoot));
    open(video).then(
      (opened) => {
        stream = opened;
        if (!video.isConnected) return stop(stream);
        shoot.disabled = false;
        return shoot.focus();
      },
      (error) => room.replaceChildren(notice(refusal(error))));
    return room;
  }, { wide: true });
  stop(stream);
  return taken;
}

async function open(video) {
  // Browsers offer the camera on secure pages only: loopback or TLS.
  if (!navigator.mediaDevices) throw new DOMException("insecure", "SecurityError");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, facingMode: "user" } });
  video.srcObject = stream;
  await video.play();
  return stream;
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

async function still(video) {
  const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  return new File([blob], "camera.jpg", { type: "image/jpeg" });
}

const REFUSALS = {
  NotAllowedError: "The browser does not let this page use the camera. Allow it in the address bar, or choose a file.",
  NotFoundError: "This device has no camera. Choose a file instead.",
  NotReadableError: "Another program uses the camera. Close it, or choose a file.",
  SecurityError: "Browsers allow the camera on secure pages only: open the console over HTTPS, or on the machine itself.",
};

function refusal(error) {
  return new Error(REFUSALS[error.name] ?? `The camera can't be used (${error.name}). Choose a file instead.`);
}
