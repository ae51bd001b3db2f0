// Upgrades of a collection to another model pack: starting one, and following the job on the collection's card.

import { button, fill, foreign, h, number, sends } from "/console/dom.js";
import { modal } from "/console/dialogs.js";
import { follow, stopping } from "/console/jobs.js";
import { notice, toast } from "/console/notices.js";
import { listOf } from "/console/pages.js";
import { ask } from "/console/server.js";
import { session } from "/console/session.js";

/** Asks for the pack and starts the job, which `room` then follows. */
export async function upgrade(one, room, { changed, signal }) {
  const pack = session.info.pack.name === one.Pack ? "" : session.info.pack.name;
  const job = await modal("Bring it to another model pack", (close) => {
    const field = h("input", {
      type: "text", id: "pack", value: pack, required: true, maxlength: 255, autocomplete: "off", spellcheck: "false", autofocus: true,
    });
    const failed = h("div");
    const start = async () => {
      try {
        close(await ask(`${listOf(one.CollectionId)}/upgrade`, { method: "POST", body: { pack: field.value.trim() } }));
      } catch (failure) {
        fill(failed, notice(failure));
      }
    };
    return h("form", { onsubmit: sends(start) },
      h("p", {}, foreign(one.CollectionId), " is of the pack ", h("strong", {}, foreign(one.Pack)),
        ". Every face is described anew, from its photograph or thumbnail. Names, ids and users stay, and searches go on meanwhile."),
      h("p", { class: "field" }, h("label", { for: "pack" }, "Model pack"), field,
        h("span", { class: "hint" }, "An installed one; similarities are those of the new pack afterwards.")),
      failed, h("p", { class: "actions" }, button("Upgrade", { class: "primary", type: "submit" })));
  });
  if (job) await shown(job, room, { changed, signal });
}

/** Follows the jobs that are under way, each in the room of its collection. */
export async function followAll(rooms, options) {
  const found = await Promise.all(["queued", "running"].map((state) =>
    ask("/v1/jobs", { query: { state, limit: 1000 }, signal: options.signal })));
  for (const job of found.flatMap((one) => one.jobs)) {
    const room = rooms.get(job.collection_id);
    if (job.kind === "upgrade" && room) shown(job, room, options).catch(() => {});
  }
}

/** Shows the job in its room until it has ended, and what came of it. */
async function shown(begun, room, { changed, signal }) {
  const bar = h("progress", { "aria-label": "Faces described anew" });
  const words = h("span", { class: "fine" });
  fill(room, h("p", { class: "actions" }, bar, words, stopping(begun)));
  const told = (job) => {
    if (job.total) Object.assign(bar, { max: job.total, value: job.done });
    fill(words, job.cancelling ? "Upgrade is cancelled…" : job.total ? `Upgrade: ${number(job.done)} of ${number(job.total)} faces` : "Upgrade waits…");
  };
  const job = await follow(begun, { signal, told });
  if (job.state === "failed") {
    fill(room, h("p", { class: "fine", role: "alert" }, "The upgrade failed. ", foreign(job.error)));
    return;
  }
  fill(room);
  if (job.state === "succeeded") toast(foreign(job.collection_id), ` is of the pack ${job.result.pack} now.`);
  await changed();
}
