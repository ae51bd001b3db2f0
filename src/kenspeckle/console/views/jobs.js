// The view "Jobs": long work of the service, what has become of it, and stopping it.

import { button, fill, foreign, h, number, pause, time } from "/console/dom.js";
import { empty, toast } from "/console/notices.js";
import { relist } from "/console/pages.js";
import { ask, at } from "/console/server.js";
import { may } from "/console/session.js";

const SIZE = 50;
const EVERY = 2000;
const UNFINISHED = new Set(["queued", "running"]);
const STATES = [["", "every state"], ["queued", "waiting"], ["running", "running"], ["succeeded", "done"], ["failed", "failed"], ["cancelled", "cancelled"]];
const WORDS = Object.fromEntries(STATES);
const KINDS = { upgrade: "Upgrade to another model pack", groups: "Grouping of unknown faces", index: "Indexing", video: "Video", sync: "Synchronization", purge: "Erasure of a collection", copy: "Copy", calibrate: "Calibration" };
const COLUMNS = ["What", "Collection", "State", "Progress", "Began", "Ended", ""];

export function view({ signal }) {
  const list = h("div");
  const state = h("select", { id: "job-state", onchange: () => draw() }, STATES.map(([value, words]) => h("option", { value }, words)));
  const draw = () => relist(list, {
    signal, words: "Loading jobs…",
    read: async (cursor, leaving) => {
      const page = await ask("/v1/jobs", { query: { state: state.value, limit: SIZE, cursor }, signal: leaving });
      return { items: page.jobs, next: page.NextToken ?? null };
    },
    draw: (jobs) => table(jobs, signal, draw),
    none: () => empty("retry", "No jobs", "Long work is listed here: upgrades, grouping, indexing of many photographs."),
  });
  draw();
  return h("section", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Jobs"),
      h("p", { class: "lead" }, "Long work of the service, newest first. It gives way to requests."))),
    h("div", { class: "filters", role: "search" }, h("p", { class: "field" }, h("label", { for: state.id }, "State"), state),
      h("p", { class: "actions" }, button("Reload", { class: "plain", onclick: draw }, "retry"))),
    list);
}

function table(jobs, signal, redraw) {
  return h("div", { class: "table", tabindex: 0, role: "region", "aria-label": "Jobs" }, h("table", { class: "stacked" },
    h("thead", {}, h("tr", {}, COLUMNS.map((head) => h("th", { scope: "col" }, head || h("span", { class: "unseen" }, "Actions"))))),
    h("tbody", {}, jobs.map((job) => {
      const line = h("tr");
      fill(line, cells(job, redraw));
      if (UNFINISHED.has(job.state)) follow(job, line, signal, redraw).catch(() => {});
      return line;
    }))));
}

/** Keeps a row in step with its job until it ends or is no longer shown. */
async function follow(job, line, signal, redraw) {
  while (UNFINISHED.has(job.state)) {
    await pause(EVERY, signal);
    if (!line.isConnected) return;
    job = await ask(at("jobs", job.job_id), { signal, quiet: true });
    if (!line.contains(document.activeElement) || !UNFINISHED.has(job.state)) fill(line, cells(job, redraw));
  }
}

function cells(job, redraw) {
  const kind = { succeeded: "good", failed: "bad" }[job.state] ?? "";
  const stop = async () => {
    try {
      await ask(at("jobs", job.job_id), { method: "DELETE" });
      toast("It is being cancelled.");
      redraw();
    } catch (failure) {
      toast(foreign(failure.detail));
    }
  };
  const content = [
    [job.kind === "video" && job.collection_id !== null ? h("a", { href: `#/video/${encodeURIComponent(job.job_id)}` }, KINDS.video) : KINDS[job.kind] ?? job.kind, h("div", { class: "fine" }, h("code", {}, job.job_id))],
    [job.collection_id === null ? "–" : foreign(job.collection_id)],
    [h("span", { class: `chip ${kind}` }, job.cancelling ? "being cancelled" : WORDS[job.state] ?? job.state),
      job.error && h("div", { class: "fine" }, foreign(job.error))],
    [job.total ? [h("progress", { max: job.total, value: job.done, "aria-label": "Progress" }), h("div", { class: "fine" }, `${number(job.done)} of ${number(job.total)}`)] : "–"],
    [time(job.created_at)], [time(job.finished_at)],
    [UNFINISHED.has(job.state) && !job.cancelling && may("admin", job.collection_id) && button("Cancel", { class: "plain small", onclick: stop })],
  ];
  return content.map((parts, index) => h("td", { dataset: { head: COLUMNS[index] } }, parts));
}
