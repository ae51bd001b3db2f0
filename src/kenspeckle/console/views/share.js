// A result to keep or to pass on: the photograph with boxes and names, the answer as JSON, the request as a command.

import { button, h } from "/console/dom.js";
import { modal, save, saveFile } from "/console/dialogs.js";
import { toast } from "/console/notices.js";
import { hasKey } from "/console/server.js";
import { session } from "/console/session.js";
import { verdict } from "/console/views/findings.js";

const SHADES = { known: "#5fe3cb", unknown: "#ffc661", "left-out": "#e6e6e6" };

/** Offers all three. `entry` is the photograph's of a batch. */
export function share({ photo, entry, faces }) {
  const name = entry.file.name.replace(/\.[^.]*$/, "") || "photograph";
  return modal("Save or share the result", (close) => {
    const command = h("code", { class: "secret", "aria-label": "The command" }, curl(entry));
    return [
      h("p", { class: "actions wide" },
        photo.bitmap && button("Save the picture with names", { class: "primary", onclick: async () => { saveFile(await annotated(photo, faces), `${name}-faces.jpg`); close(); } }, "save"),
        button("Save the answer (JSON)", { class: "plain", onclick: () => { save(entry.raw, `${name}-faces.json`); close(); } }, "save")),
      h("h3", {}, "The same from a terminal"), command,
      h("p", { class: "actions" }, button("Copy the command", { class: "plain", onclick: () => copy(command) }, "copy")),
    ];
  });
}

async function copy(command) {
  try {
    await navigator.clipboard.writeText(command.textContent);
    toast("Copied.");
  } catch {
    // Browsers lend the clipboard to secure pages only.
    getSelection().selectAllChildren(command);
    toast("This browser doesn’t let the page copy. The command is selected: press Ctrl+C or ⌘C.");
  }
}

function curl({ file, query }) {
  const address = `${location.origin}/v1/search?${new URLSearchParams(query)}`;
  const key = hasKey() ? ' -H "x-api-key: $KENSPECKLE_KEY"' : "";
  return `curl --data-binary @${quoted(file.name || "photograph.jpg")} -H 'content-type: application/octet-stream'${key} ${quoted(address)}`;
}

/** For a POSIX shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The photograph in its own size with boxes and labels, as a JPEG. */
async function annotated(photo, faces) {
  const canvas = h("canvas", { width: photo.width, height: photo.height });
  const ink = canvas.getContext("2d");
  ink.drawImage(photo.bitmap, 0, 0);
  const size = Math.max(12, Math.round(Math.max(photo.width, photo.height) / 60));
  ink.font = `600 ${size}px system-ui, sans-serif`;
  ink.textBaseline = "top";
  faces.map((face, index) => verdict(face, index, session.threshold)).forEach(({ box, tag, verdict: kind }) => {
    const [left, top, across, down] = [box.Left * photo.width, box.Top * photo.height, box.Width * photo.width, box.Height * photo.height];
    ink.strokeStyle = ink.fillStyle = SHADES[kind];
    ink.lineWidth = Math.max(2, size / 7);
    ink.strokeRect(left, top, across, down);
    const wide = ink.measureText(tag).width + size;
    const x = Math.min(Math.max(0, left + across / 2 - wide / 2), Math.max(0, photo.width - wide));
    const y = Math.min(top + down + size / 4, photo.height - size * 1.5);
    ink.fillRect(x, y, wide, size * 1.5);
    ink.fillStyle = "#06211d";
    ink.fillText(tag, x + size / 2, y + size / 4);
  });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}
