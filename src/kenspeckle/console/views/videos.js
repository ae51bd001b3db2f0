// The view "Videos": takes a video, and lists those that were given, with how far they are and who is in them.

import { button, fill, foreign, h, number, plural, time } from "/console/dom.js";
import { confirmErasure } from "/console/dialogs.js";
import { intake } from "/console/intake.js";
import { STATES, jobTable, stateOf, stopping } from "/console/jobs.js";
import { empty, notice, toast } from "/console/notices.js";
import { reader, relist } from "/console/pages.js";
import { ask, at } from "/console/server.js";
import { may, onChange, session } from "/console/session.js";
import { upload } from "/console/upload.js";
import { clock, keepFile, videoLink } from "/console/views/video.js";

const SIZE = 20;
const TAG = 120;
const WORDS = { ...STATES, running: "being looked at" };
const COLUMNS = ["Video", "State", "Who", "Length", "Given", ""];

// An upload goes on while other views are visited.
let sending = null;
let draw = () => {};

export function view({ signal }) {
  const room = h("div", { class: "status" });
  const list = h("div");
  const page = h("section", { class: "page videos" });
  const field = intake({
    title: "Drop a video here", hint: "It is kept no longer than it takes to look at it; who was seen stays, until you erase it.",
    accept: "video/*,.mkv,.mov,.avi,.ts,.mpg,.wmv,.flv,.ogv", choose: "Choose a video", photographs: false, view: page, signal,
    onphoto: (file) => send(file),
  });
  field.classList.add("small");
  const table = () => relist(list, {
    signal, words: "Loading videos…",
    read: reader({
      path: "/v1/jobs", member: "jobs", size: SIZE, most: 100,
      wanted: (job) => job.kind === "video" && job.collection_id === session.collection,
    }),
    draw: (jobs) => jobTable("Videos", COLUMNS, jobs, (job) => contents(job, table), { signal }),
    none: () => empty("video", "No video yet", "Those that were looked at in the last 30 days are listed here."),
  });
  draw = () => { if (page.isConnected || !room.childElementCount) progress(room, table); };
  signal.addEventListener("abort", () => { draw = () => {}; }, { once: true });
  onChange(table, signal);
  table();
  draw();
  return fill(page,
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Who is in a video?"),
      h("p", { class: "lead" }, "From when to when, compared with the collection in use. Several frames have to agree before somebody is named."))),
    field, room, list);
}

async function send(file) {
  if (sending && !sending.failure) {
    toast("One video at a time: the other one is still being sent.");
    return;
  }
  const controller = new AbortController();
  const collection = session.collection;
  const mine = sending = { file, sent: 0, total: file.size, stop: () => controller.abort(new DOMException("The visitor stopped it.", "AbortError")), failure: null };
  draw();
  const query = new URLSearchParams({ collection, threshold: session.threshold });
  const tag = file.name.normalize("NFKD").replace(/[^a-zA-Z0-9_.\-]+/g, "-").replace(/^-+|-+$/g, "").slice(-TAG);
  if (tag) query.set("tag", tag);
  try {
    const job = await upload(`/v1/videos?${query}`, file, {
      signal: controller.signal, onprogress: (sent, total) => { Object.assign(mine, { sent, total }); draw(); },
    });
    keepFile(job.job_id, file);
    sending = null;
    if (location.hash === "#/videos") location.hash = videoLink(job.job_id);
  } catch (failure) {
    sending = controller.signal.aborted ? null : { ...mine, failure };
  }
  draw();
}

function progress(room) {
  if (!sending) {
    fill(room);
  } else if (sending.failure) {
    fill(room, notice(sending.failure, { retry: () => send(sending.file) }));
  } else if (room.querySelector("progress")) {
    // Not drawn anew: the button keeps the focus.
    Object.assign(room.querySelector("progress"), { max: sending.total, value: sending.sent });
    room.querySelector(".soft").textContent = how(sending);
  } else {
    fill(room, h("p", { class: "actions" },
      h("progress", { max: sending.total || 1, value: sending.sent, "aria-label": "How much of the video is sent" }),
      h("span", { class: "soft" }, how(sending)), button("Stop", { class: "plain small", onclick: () => sending?.stop() })));
  }
}

function how({ file, sent, total }) {
  return sent < total ? `Sending ${file.name}: ${number(sent / 1e6)} of ${number(total / 1e6)} MB` : `${file.name} is sent; it is being stored…`;
}

function contents(job, redraw) {
  const done = job.state === "succeeded";
  return [
    h("div", {}, h("a", { href: videoLink(job.job_id) }, foreign(job.tag ?? "A video")), h("div", { class: "fine" }, h("code", {}, job.job_id))),
    h("div", {}, stateOf(job, WORDS)),
    done ? `${number(job.result.known)} of ${plural(job.result.people, "person", "people")} known` : "–",
    done ? clock(job.result.milliseconds) : "–",
    time(job.created_at),
    h("span", { class: "actions" }, stopping(job, redraw), erasing(job, redraw))];
}

/** A button that erases the results; null where there are none, or the key may not. */
export function erasing(job, redraw) {
  if (job.state !== "succeeded" || !may("delete", job.collection_id)) return null;
  return button("Erase…", { class: "plain small", onclick: async () => {
    const done = await confirmErasure({
      title: "Erase who was in this video?", what: [h("strong", {}, foreign(job.tag ?? job.job_id))],
      consequences: ["Who was seen from when to when is gone.", "People and their faces in the collection stay."],
      erase: () => ask(at("videos", job.job_id), { method: "DELETE" }),
    });
    if (!done) return;
    toast("Erased");
    redraw();
  } }, "erase");
}
