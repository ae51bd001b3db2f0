// Speaks to the service: one function, `ask`. The key lives in a variable of this module and nowhere else.

import { pause } from "/console/dom.js";

const MOST_WAITS = 5;

let key = null;
let onLocked = async () => false;
let asking = null;

/** What went wrong, as the server says it (problem+json), or as we do where it says nothing. */
export class Failure extends Error {
  constructor({ status = 0, code = "unreachable", title = "", detail = "", field = null, requestId = null, wait = 0 }) {
    super(detail);
    Object.assign(this, { status, code, title, detail, field, requestId, wait });
  }

  /** Whether the same request may go well later. */
  get passing() {
    return (this.status === 0 && this.code !== UNREADABLE.code) || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

const UNREACHABLE = {
  title: "The server does not answer",
  detail: "It may have stopped, or the network is gone. Nothing that you typed is lost; try again once it is back.",
};

const UNREADABLE = {
  code: "unreadable", title: "The file can’t be read",
  detail: "It is a folder, or was moved or changed after it was chosen. Choose a photograph again.",
};

/** Keep a key for this page's life. An empty one forgets it. */
export function useKey(secret) {
  key = secret || null;
}

/** Whether a key is used. */
export function hasKey() {
  return key !== null;
}

/** Sets what is called when a key is missing or no longer taken; it resolves to true when another one was given. */
export function whenLocked(handler) {
  onLocked = handler;
}

/**
 * One request. `as`: "json" (the default), "text", "blob", "response" or "none". `query` without null values. `reads`
 * says of a POST that it changes nothing, so that it may be repeated.
 * Throws Failure, or the signal's AbortError. A refused key is asked for anew, and the request is sent again.
 */
export async function ask(path, options = {}) {
  for (let waits = 0; ;) {
    const used = key;
    try {
      return await once(path, options, used);
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      if (failure.status === 429 && (options.reads || (options.method ?? "GET") === "GET") && waits < MOST_WAITS) {
        // A page asks for more at once than some keys may; what only reads waits for its turn by itself.
        waits += 1;
        await pause(1000 * Math.max(1, failure.wait), options.signal);
      } else if (failure.status !== 401 || options.quiet || (used === key && !(await unlocked(failure)))) {
        throw failure;
      }
    }
  }
}

/** The answer's body as `ask` gives it, and its headers. */
export async function once(path, { method = "GET", query = {}, body, headers = {}, signal, as = "json" }, secret = key) {
  const sent = { ...headers };
  if (secret !== null) sent["x-api-key"] = secret;
  if (body !== undefined && !(body instanceof Blob) && !(body instanceof FormData)) {
    body = JSON.stringify(body);
    sent["content-type"] = "application/json";
  } else if (body instanceof Blob && body.type.startsWith("text/")) {
    // Whatever was chosen is meant as a photograph: it is refused as none, and not as broken base64.
    sent["content-type"] = "application/octet-stream";
  }
  let response;
  try {
    response = await fetch(address(path, query), {
      method, body, headers: sent, signal, cache: "no-store", credentials: "omit", redirect: "error",
    });
    if (response.ok) return await read(response, as);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new Failure(await readable(body) ? UNREACHABLE : UNREADABLE);
  }
  throw await refused(response);
}

/** Gives a request of the browser's older kind the key. */
export function authorize(request) {
  if (key !== null) request.setRequestHeader("x-api-key", key);
}

/** A path of the API, each part encoded: `at("collections", name, "faces")`. */
export function at(...parts) {
  return "/v1/" + parts.map(encodeURIComponent).join("/");
}

function address(path, query) {
  const known = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return known.length ? `${path}?${new URLSearchParams(known)}` : path;
}

function read(response, as) {
  if (as === "response") return response;
  if (as === "none" || response.status === 204) return null;
  return response[as]();
}

/** Whether what was to be sent is there: a browser says the same of a lost file as of a lost server. */
async function readable(body) {
  const files = (body instanceof FormData ? [...body.values()] : [body]).filter((one) => one instanceof Blob);
  return Promise.all(files.map((one) => one.slice(0, 1).arrayBuffer())).then(() => true, () => false);
}

async function refused(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // A proxy's own page, or nothing: the status has to do.
  }
  return failureOf(response.status, problem, (name) => response.headers.get(name));
}

/** An answer that is no success; `header(name)` gives its headers. */
export function failureOf(status, problem, header) {
  return new Failure({
    status,
    code: problem.code ?? "unknown",
    title: problem.title ?? `The server answered ${status}`,
    detail: problem.detail ?? "It gave no reason. A proxy in between may have answered in its place.",
    field: problem.field ?? null,
    requestId: problem.request_id ?? header("x-request-id"),
    wait: Number(header("retry-after")) || 0,
  });
}

/** However many requests meet a locked door at once, the visitor is asked once. */
function unlocked(failure) {
  asking ??= onLocked(failure).finally(() => { asking = null; });
  return asking;
}
