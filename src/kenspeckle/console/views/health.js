// The view "Health": whether the service is ready, what it does a second, how long that takes, how full its gate is.

import { fill, h, number, pause, svg } from "/console/dom.js";
import { fact } from "/console/dialogs.js";
import { observed, parse, quantile, total } from "/console/metrics.js";
import { notice } from "/console/notices.js";
import { Failure, ask } from "/console/server.js";
import { session } from "/console/session.js";
import { cells, table } from "/console/table.js";

const EVERY = 2000;
const POINTS = 60;
const ENOUGH = 20; // observations, before a quantile says something
const OWN = /^(?:\/|Console|\/(?:metrics|readyz))$/;

export function view({ signal }) {
  const room = h("div", { class: "status" });
  const tiles = h("div", { class: "tiles" });
  const tables = h("div", { class: "halves" });
  const history = [];
  watch({ room, tiles, tables, history, signal }).catch(() => {});
  return h("section", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, "Health"),
      h("p", { class: "lead" }, "Updated every two seconds. For alerts and history, let Prometheus read ",
        h("code", {}, "/metrics"), "."))),
    room, tiles, tables, about());
}

async function watch(parts) {
  const { room, tiles, tables, history, signal } = parts;
  for (;;) {
    if (!document.hidden) {
      try {
        const [ready, text] = await Promise.all([readiness(signal), ask("/metrics", { as: "text", signal })]);
        const samples = parse(text);
        history.push({ at: performance.now(), requests: total(samples, "kenspeckle_requests_total") });
        if (history.length > POINTS + 1) history.shift();
        fill(room);
        fill(tiles, readyTile(ready), throughput(history), latency(samples), gate(samples), faces(samples));
        if (!tables.contains(document.activeElement)) fill(tables, routes(samples), stages(samples));
      } catch (failure) {
        if (!(failure instanceof Failure)) throw failure;
        // A key that is no longer taken is asked for once, not every two seconds.
        const locked = failure.status === 401;
        fill(room, notice(failure, locked ? { retry: () => watch(parts).catch(() => {}), signal } : {}));
        if (locked) return;
      }
    }
    await pause(EVERY, signal);
  }
}

async function readiness(signal) {
  try {
    await ask("/readyz", { signal });
    return null;
  } catch (failure) {
    if (failure instanceof Failure && failure.status === 503) return failure;
    throw failure;
  }
}

function readyTile(failure) {
  return tile("Service", failure ? "Not ready" : "Ready",
    failure ? failure.detail : "Model loaded, catalog answers.", failure ? "bad" : "good");
}

function throughput(history) {
  const rates = history.slice(1).map((one, at) =>
    Math.max(0, (one.requests - history[at].requests) / ((one.at - history[at].at) / 1000)));
  // Two requests of each round are this page's own.
  const now = rates.length ? Math.max(0, rates.at(-1) - 2000 / EVERY) : null;
  return tile("Requests a second", now === null ? "…" : number(now, 1),
    [h("span", { class: "fine" }, `${number(history.at(-1).requests)} since the start`), spark(rates)]);
}

function latency(samples) {
  const photographs = (labels) => /^\/v1\/(search|index|detect|compare)/.test(labels.route);
  const one = merged(samples, photographs);
  const count = total(one, "kenspeckle_request_seconds_bucket", (labels) => labels.le === "+Inf");
  if (count < ENOUGH) return tile("A photograph takes", "–", `Told from ${ENOUGH} photographs on; there were ${number(count)} since the start.`);
  const [p50, p95] = [0.5, 0.95].map((share) => milliseconds(quantile(one, "kenspeckle_request_seconds", share, () => true)));
  return tile("A photograph takes", p50, `p50; 19 of 20 (p95) take at most ${p95}.`);
}

/** One histogram of several routes. */
function merged(samples, fits) {
  const sums = new Map();
  for (const { name, labels, value } of samples) {
    if (name === "kenspeckle_request_seconds_bucket" && fits(labels)) sums.set(labels.le, (sums.get(labels.le) ?? 0) + value);
  }
  return [...sums].map(([le, value]) => ({ name: "kenspeckle_request_seconds_bucket", labels: { le }, value }));
}

function gate(samples) {
  const value = (name) => total(samples, `kenspeckle_${name}`);
  const [running, workers, waiting, room] = ["photographs_running", "workers", "queue_depth", "queue_limit"].map(value);
  return tile("Gate", `${number(running)} of ${number(workers)}`, [
    h("span", { class: "fine" }, `${number(waiting)} of ${number(room)} places to wait are taken; ${number(value("gate_refusals_total"))} refused so far`),
    h("meter", { min: 0, max: Math.max(1, workers + room), high: workers + room * 0.75, value: running + waiting, "aria-label": "How full the gate is" })]);
}

function faces(samples) {
  const memory = total(samples, "process_resident_memory_bytes");
  return tile("Faces searched", number(total(samples, "kenspeckle_faces_searched_total")),
    `${number(total(samples, "kenspeckle_faces_indexed_total"))} indexed since the start${memory ? `; ${number(memory / 2 ** 20)} MiB of memory` : ""}.`);
}

function tile(title, value, more, kind = "") {
  return h("section", { class: "sheet" }, h("h2", { class: "label" }, title),
    h("p", { class: "big" }, kind ? h("span", { class: `chip ${kind}` }, value) : value), h("div", {}, more));
}

function spark(rates) {
  const most = Math.max(...rates, 1);
  const points = rates.map((rate, at) => `${(at * 100) / Math.max(1, POINTS - 1)},${28 - (rate / most) * 26}`);
  if (points.length < 2) return null;
  const line = `M${points.join("L")}`;
  const right = ((points.length - 1) * 100) / (POINTS - 1);
  return svg("svg", { class: "spark", viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: "area", d: `${line}L${right},30L0,30Z` }), svg("path", { d: line }));
}

function routes(samples) {
  const found = observed(samples, "kenspeckle_request_seconds", "route").filter((one) => !OWN.test(one.label));
  return measured("Routes", "kenspeckle_request_seconds", "route", found.slice(0, 12), samples);
}

function stages(samples) {
  return measured("Stages of recognition", "kenspeckle_stage_seconds", "stage", observed(samples, "kenspeckle_stage_seconds", "stage"), samples);
}

function measured(title, name, label, rows, samples) {
  const columns = [label === "route" ? "Route" : "Stage", "Times", "p50", "p95"];
  const right = { numbers: columns.slice(1) };
  return h("section", {}, h("h2", {}, title), table(title, columns, rows.map((row) => h("tr", {}, cells(columns, [
    h("code", {}, row.label), number(row.count),
    ...[0.5, 0.95].map((share) => (row.count < ENOUGH ? "–" : milliseconds(quantile(samples, name, share, (labels) => labels[label] === row.label)))),
  ], right))), { ...right, stacked: false, caption: `p50 and p95 are told from ${ENOUGH} times on.` }));
}

function milliseconds(seconds) {
  if (seconds === null) return "–";
  return seconds < 1 ? `${number(seconds * 1000)} ms` : `${number(seconds, 1)} s`;
}

function about() {
  const { version, pack, limits, counts, keep_images: kept } = session.info;
  return h("section", { class: "sheet" }, h("h2", {}, "This server"), h("dl", { class: "facts" },
    fact("Version", h("code", {}, version)),
    fact("Model pack", h("code", {}, `${pack?.name ?? "–"} ${pack?.version ?? ""}`)),
    counts && fact("Holds", Object.entries(counts).map(([what, count]) => `${number(count)} ${what}`).join(", ")),
    limits && fact("A photograph has at most", `${number(limits.max_image_bytes / 2 ** 20)} MiB, ${number(limits.max_image_pixels / 1e6)} million pixels`),
    fact("Photographs", kept ? "are kept" : "are not kept; thumbnails are"),
    fact("For programs", h("a", { href: "/docs" }, "the API"))));
}
