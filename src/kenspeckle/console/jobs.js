// Long work of the service: what its states are called, following a job to its end, cancelling it, lists of jobs.

import { button, fill, foreign, h, number, pause } from "/console/dom.js";
import { toast } from "/console/notices.js";
import { ask, at } from "/console/server.js";
import { may } from "/console/session.js";
import { cells, table } from "/console/table.js";

const EVERY = 2000;
const UNFINISHED = new Set(["queued", "running"]);
const TONES = { succeeded: "good", failed: "bad" };

export const STATES = { queued: "waiting", running: "running", succeeded: "done", failed: "failed", cancelled: "cancelled" };

/**
 * Asks for a job until it has ended, and gives it as it is then. `told(job)` is called before each wait; false ends it.
 * Throws Failure, or the signal's AbortError.
 */
export async function follow(job, { signal, told = () => {}, every = 1000, quiet = false }) {
  while (UNFINISHED.has(job.state)) {
    if (told(job) === false) return job;
    await pause(every, signal);
    job = await ask(at("jobs", job.job_id), { signal, quiet });
  }
  return job;
}

/** A table of jobs in which each row keeps in step with its job. `contents(job)` are those of its cells. */
export function jobTable(label, columns, jobs, contents, { signal }) {
  return table(label, columns, jobs.map((job) => {
    const line = h("tr");
    const draw = (one) => fill(line, cells(columns, contents(one)));
    draw(job);
    const told = (one) => {
      if (one === job) return true;
      if (line.isConnected && !line.contains(document.activeElement)) draw(one);
      return line.isConnected;
    };
    if (UNFINISHED.has(job.state)) follow(job, { signal, told, every: EVERY, quiet: true }).then(draw).catch(() => {});
    return line;
  }));
}

/** What has become of a job, how far it is, and why it failed. */
export function stateOf(job, words = STATES) {
  return [
    h("span", { class: `chip ${TONES[job.state] ?? ""}` }, job.cancelling && UNFINISHED.has(job.state) ? "being cancelled" : words[job.state] ?? job.state),
    UNFINISHED.has(job.state) && job.total > 0 && [
      h("progress", { max: job.total, value: job.done, "aria-label": "Progress" }),
      h("div", { class: "fine" }, `${number(job.done)} of ${number(job.total)}`)],
    job.error && h("div", { class: "fine" }, foreign(job.error))];
}

/** A button that cancels the job; null where it has ended, or the key may not. `done()` is called when it is asked for. */
export function stopping(job, done = () => {}) {
  if (!UNFINISHED.has(job.state) || job.cancelling || !may("admin", job.collection_id)) return null;
  return button("Cancel", { class: "plain small", onclick: async () => {
    try {
      await ask(at("jobs", job.job_id), { method: "DELETE" });
      toast("It is being cancelled.");
      done();
    } catch (failure) {
      toast(foreign(failure.detail));
    }
  } });
}
