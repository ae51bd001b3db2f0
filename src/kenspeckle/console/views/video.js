// The view of one video: how far it is looked at; then a timeline of who is in it, from when to when.

import { button, fill, foreign, h, icon, number, place, plural } from "/console/dom.js";
import { fact, save } from "/console/dialogs.js";
import { follow, stopping } from "/console/jobs.js";
import { empty, watched } from "/console/notices.js";
import { placeholder, thumbnail } from "/console/pictures.js";
import { ask, at } from "/console/server.js";
import { tier } from "/console/similarity.js";
import { personLink } from "/console/tiles.js";

const AT_ONCE = 1000;
const MOST = 5000;
const TIMES = 12;
const LEAST_WIDTH = 0.004;

const files = new Map();

/** Remembers the file of a job, to play it beside the timeline until the page is closed; the newest alone. */
export function keepFile(jobId, file) {
  files.clear();
  files.set(jobId, file);
}

/** Address of a video in the console. */
export function videoLink(jobId) {
  return `#/video/${encodeURIComponent(jobId)}`;
}

/** Milliseconds as hours, minutes and seconds: "0:04.8". */
export function clock(milliseconds) {
  const tenths = Math.round(milliseconds / 100);
  const [hours, minutes, seconds] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
  const tail = `${seconds < 10 ? "0" : ""}${seconds.toFixed(1)}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

export function view({ words: [jobId], signal }) {
  const room = h("div", { class: "status" });
  const title = h("h1", {}, "Who is in this video?");
  const state = h("div", { class: "actions" });
  const content = h("div", { class: "looked-at" });

  async function load() {
    fill(content);
    const job = await watched(room, "Loading the video…", () => ask(at("jobs", jobId), { signal }), { retry: load, signal });
    if (!job) return;
    if (job.tag) {
      fill(title, foreign(job.tag));
      document.title = `${job.tag} · Kenspeckle`;
    }
    const ended = await looked(job);
    if (ended.state === "succeeded") await results(ended);
    else fill(room, h("p", { class: "caution", role: "alert" }, ended.state === "failed" ? ["The video could not be looked at. ", foreign(ended.error ?? "")] : "It was cancelled; nothing of it is kept."));
  }

  /** The job as it is when it has ended; how far it is stands there until then. */
  async function looked(job) {
    const bar = h("progress", { "aria-label": "How far the video is looked at" });
    const words = h("span", { class: "soft" });
    fill(state, bar, words, stopping(job));
    const told = (one) => {
      if (one.total) Object.assign(bar, { max: one.total, value: one.done });
      words.textContent = one.cancelling ? "It is being cancelled…" : one.total ? `${clock(1000 * one.done)} of ${clock(1000 * one.total)} looked at`
        : one.state === "queued" ? "It waits for its turn…" : "It is being opened…";
    };
    const ended = await follow(job, { signal, told });
    fill(state);
    return ended;
  }

  async function results(job) {
    const found = await watched(room, "Loading who was seen…", () => all(jobId, signal), { retry: load, signal });
    if (!found) return;
    const { erasing } = await import("/console/views/videos.js");
    fill(state, button("Save as JSON", { class: "plain", onclick: () => save(found, `${job.tag ?? jobId}.json`) }, "save"),
      erasing(job, () => { location.hash = "#/videos"; }));
    const player = preview(jobId, signal);
    fill(content, player, found.StatusMessage && h("p", { class: "caution" }, foreign(found.StatusMessage)),
      found.appearances.length ? timeline(found, job, player) : empty("face", "Nobody is in it", "No face was found in the frames that were looked at."),
      facts(found, job));
  }

  load().catch(() => {});
  return h("section", { class: "page" }, h("a", { class: "back", href: "#/videos" }, icon("back"), "Videos"),
    h("header", { class: "page-head" }, title, state), room, content);
}

/** All pages of who was seen, as one answer. */
async function all(jobId, signal) {
  let found = null;
  let cursor = null;
  do {
    const page = await ask(at("videos", jobId, "appearances"), { query: { limit: AT_ONCE, cursor }, signal });
    found = found ? { ...found, appearances: [...found.appearances, ...page.appearances] } : page;
    cursor = page.NextToken ?? null;
  } while (cursor && found.appearances.length < MOST);
  delete found.NextToken;
  return { ...found, more: cursor !== null };
}

/** The video itself, where it was given to this page. */
function preview(jobId, signal) {
  const file = files.get(jobId);
  if (!file) return null;
  const url = URL.createObjectURL(file);
  signal.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
  const video = h("video", { src: url, controls: true, muted: true, preload: "metadata", "aria-label": "The video", class: "preview" });
  // Some kinds are looked at that a browser does not play.
  video.addEventListener("error", () => video.remove());
  return video;
}

function timeline(found, job, player) {
  const whole = Math.max(found.VideoMetadata?.DurationMillis ?? 0, job.result?.milliseconds ?? 0, ...found.appearances.map((one) => one.to_ms), 1);
  const people = new Map();
  for (const one of found.appearances) people.set(one.index, [...people.get(one.index) ?? [], one]);
  const rows = [...people.values()].map((seen) => row(seen, whole, job.collection_id, player));
  const unknown = rows.filter(({ known }) => !known);
  const list = h("ol", { class: "timeline", "aria-label": "People in the video" }, rows.map(({ element }) => element));
  const box = h("input", { type: "checkbox", checked: true, onchange: () => unknown.forEach(({ element }) => { element.hidden = !box.checked; }) });
  player?.addEventListener("timeupdate", () => list.style.setProperty("--at", `${100 * Math.min(1, 1000 * player.currentTime / whole)}%`));
  return h("section", {}, h("div", { class: "section-head" },
    h("h2", {}, `${number(people.size - unknown.length)} of ${plural(people.size, "person", "people")} known`),
    unknown.length > 0 && unknown.length < rows.length && h("label", { class: "check" }, box, `Show ${plural(unknown.length, "person", "people")} whom nobody knows`)),
  found.more && h("p", { class: "caution" }, `Only the first ${number(MOST)} appearances are shown; the API and the command line have all.`),
  list, h("p", { class: "scale fine", "aria-hidden": "true" }, h("span", {}, clock(0)), h("span", {}, clock(whole / 2)), h("span", {}, clock(whole))));
}

/** A person: who it is, where in the video, and when exactly. */
function row(seen, whole, collection, player) {
  const [best] = seen[0].FaceMatches;
  const name = best ? seen[0].name ?? "Nameless" : `Unknown ${seen[0].index + 1}`;
  const word = best ? tier(best.Similarity) : "";
  const go = (one) => () => { player.currentTime = one.from_ms / 1000; player.scrollIntoView({ block: "nearest" }); };
  const span = (one) => `${clock(one.from_ms)}–${clock(one.to_ms)}`;
  const who = h("div", { class: "person" }, best ? thumbnail(collection, best.Face.FaceId, name) : placeholder(name),
    h("div", {}, h("h3", {}, best?.Person ? h("a", { href: personLink(collection, best.Person.person_id) }, foreign(name)) : foreign(name)),
      best && h("p", { class: "sureness" }, word && h("span", { class: "chip tier" }, word), h("span", { class: "number" }, number(best.Similarity, 1)), h("span", { class: "fine" }, "similarity"))));
  const marks = seen.map((one) => {
    const left = one.from_ms / whole;
    return place(h("i", { title: span(one) }), { left, width: Math.min(1 - left, Math.max(LEAST_WIDTH, (one.to_ms - one.from_ms) / whole)) });
  });
  const times = seen.slice(0, TIMES).map((one) => h("li", {}, player
    ? button(span(one), { class: "link number", onclick: go(one), "aria-label": `Play from ${clock(one.from_ms)}: ${name}` })
    : h("span", { class: "number" }, span(one))));
  return {
    known: Boolean(best),
    element: h("li", { dataset: { tier: word, verdict: best ? "known" : "unknown" } }, who,
      h("div", { class: "when" }, h("div", { class: "line", "aria-hidden": "true" }, marks),
        h("ul", { class: "times fine", "aria-label": `When ${name} is in sight` }, times, seen.length > TIMES && h("li", {}, `and ${number(seen.length - TIMES)} more`)))),
  };
}

function facts({ VideoMetadata: about }, job) {
  if (!about) return null;
  return h("details", { class: "options" }, h("summary", {}, "About the video"), h("dl", { class: "facts" },
    fact("Length", clock(about.DurationMillis)), fact("Picture", `${number(about.FrameWidth)} × ${number(about.FrameHeight)}, ${number(about.FrameRate, 1)} frames a second`),
    fact("Format", foreign(`${about.Format}, ${about.Codec}`)), fact("Job", h("code", {}, job.job_id))));
}
