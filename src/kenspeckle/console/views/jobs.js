// The view "Jobs": long work of the service, what has become of it, and stopping it.

import { button, foreign, h, time } from "/console/dom.js";
import { STATES, jobTable, stateOf, stopping } from "/console/jobs.js";
import { empty } from "/console/notices.js";
import { relist } from "/console/pages.js";
import { ask } from "/console/server.js";

const SIZE = 50;
const KINDS = { upgrade: "Upgrade to another model pack", groups: "Grouping of unknown faces", index: "Indexing", video: "Video", sync: "Synchronization", purge: "Erasure of a collection", copy: "Copy", calibrate: "Calibration" };
const COLUMNS = ["What", "Collection", "State", "Began", "Ended", ""];

export function view({ signal }) {
  const list = h("div");
  const state = h("select", { id: "job-state", onchange: () => draw() }, Object.entries({ "": "every state", ...STATES }).map(([value, words]) => h("option", { value }, words)));
  const draw = () => relist(list, {
    signal, words: "Loading jobs…",
    read: async (cursor, leaving) => {
      const page = await ask("/v1/jobs", { query: { state: state.value, limit: SIZE, cursor }, signal: leaving });
      return { items: page.jobs, next: page.NextToken ?? null };
    },
    draw: (jobs) => jobTable("Jobs", COLUMNS, jobs, (job) => contents(job, draw), { signal }),
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

function contents(job, redraw) {
  const watchable = job.kind === "video" && job.collection_id !== null;
  return [
    h("div", {}, watchable ? h("a", { href: `#/video/${encodeURIComponent(job.job_id)}` }, KINDS.video) : KINDS[job.kind] ?? job.kind,
      h("div", { class: "fine" }, h("code", {}, job.job_id))),
    job.collection_id === null ? "–" : foreign(job.collection_id),
    h("div", {}, stateOf(job)),
    time(job.created_at), time(job.finished_at),
    stopping(job, redraw)];
}
