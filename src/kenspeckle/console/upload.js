// Sends a large file and tells how far it is, which fetch does not.

import { Failure, authorize, failureOf } from "/console/server.js";

/** The JSON of the answer. `onprogress(sent, total)` in bytes. Throws Failure, or the signal's AbortError. */
export function upload(path, file, { signal, onprogress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    authorize(request);
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.upload.addEventListener("progress", ({ loaded, total }) => onprogress(loaded, total));
    const stop = () => request.abort();
    signal.addEventListener("abort", stop, { once: true });
    request.addEventListener("loadend", () => {
      signal.removeEventListener("abort", stop);
      const { status, responseText } = request;
      if (signal.aborted) reject(signal.reason);
      else if (status === 0) reject(new Failure({ title: "The video was not sent", detail: "The server does not answer, or the file can’t be read any more. Choose it again." }));
      else if (status >= 200 && status < 300) resolve(JSON.parse(responseText));
      else reject(failureOf(status, parsed(responseText), (name) => request.getResponseHeader(name)));
    });
    request.send(file);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {}; // a proxy's own page
  }
}
