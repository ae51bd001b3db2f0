// Pictures that need the key: a page of them in one request as soon as the first comes into view, shown while in view.

import { h, icon } from "/console/dom.js";
import { Failure, ask, at } from "/console/server.js";
import { may } from "/console/session.js";

const AT_ONCE = 100;
const KEPT = 300;
const MARGIN = "300px";

const kept = new Map();
const asked = new Map();

/** A stored face as an image that loads itself while it is in view. `name` is for those who don't see it. */
export function thumbnail(collection, faceId, name) {
  const alt = `Stored face of ${name}`;
  if (!faceId || !may("read", collection)) return placeholder(alt);
  const image = h("img", { alt, class: "thumb", decoding: "async", draggable: "false" });
  image.addEventListener("error", () => missing(image));
  sources.set(image, { collection, faceId, key: `${collection} ${faceId}`, url: null, wanted: false });
  unloaded.add(image);
  watcher.observe(image);
  return image;
}

/** A stored photograph by its id. Throws Failure where photographs are not kept. */
export async function storedPhotograph(collection, imageId, signal) {
  const response = await ask(at("images", "by-id", imageId), { query: { collection }, signal, as: "response" });
  const metadata = [...response.headers].filter(([name]) => name.startsWith("x-amz-meta-"));
  return { blob: await response.blob(), metadata: metadata.map(([name, value]) => [name.slice(11), value]) };
}

/** What stands where there is no picture. */
export function placeholder(alt) {
  return h("span", { class: "thumb missing", role: "img", "aria-label": `${alt} (no picture)` }, icon("face"));
}

const sources = new WeakMap();
const unloaded = new Set();

const watcher = new IntersectionObserver((entries) => {
  const wanted = new Set();
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting && show(target)) wanted.add(sources.get(target).collection);
    else if (!isIntersecting) release(target);
  }
  for (const collection of wanted) load(collection);
}, { rootMargin: MARGIN });

/** Shows it if its bytes are there; true where they have to be asked for. */
function show(image) {
  const source = sources.get(image);
  source.wanted = true;
  if (source.url) return false;
  if (asked.has(source.key)) {
    // The same face stands elsewhere on the page.
    asked.get(source.key).add(image);
    return false;
  }
  const blob = kept.get(source.key);
  if (!blob) {
    unloaded.add(image);
    return true;
  }
  unloaded.delete(image);
  source.url = URL.createObjectURL(blob);
  image.src = source.url;
  return false;
}

/** Asks for every picture of the page at once, seen or not yet: one request, and one row of the audit trail. */
async function load(collection) {
  const images = [...unloaded].filter((one) => one.isConnected && sources.get(one).collection === collection);
  for (const one of unloaded) if (!one.isConnected) unloaded.delete(one);
  const due = images.filter((one) => !asked.has(sources.get(one).key));
  const ids = [...new Set(due.map((one) => sources.get(one).faceId))];
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const some = ids.slice(from, from + AT_ONCE);
    const these = due.filter((one) => some.includes(sources.get(one).faceId));
    for (const id of some) asked.set(`${collection} ${id}`, new Set(these.filter((one) => sources.get(one).faceId === id)));
    const each = (work) => some.forEach((id) => {
      const waiting = asked.get(`${collection} ${id}`);
      asked.delete(`${collection} ${id}`);
      waiting.forEach((one) => work(one, id));
    });
    fetched(collection, some).then((found) => each((one, id) => arrived(one, found.has(id))), (failure) => each((one) => failed(one, failure)));
  }
}

async function fetched(collection, ids) {
  const { thumbnails } = await ask(at("collections", collection, "thumbnails"), {
    method: "POST", body: { face_ids: ids }, quiet: true, reads: true,
  });
  for (const { face_id: faceId, jpeg } of thumbnails) {
    keep(`${collection} ${faceId}`, new Blob([Uint8Array.from(atob(jpeg), (one) => one.charCodeAt(0))], { type: "image/jpeg" }));
  }
  return new Set(thumbnails.map((one) => one.face_id));
}

function arrived(image, there) {
  const source = sources.get(image);
  unloaded.delete(image);
  if (!there) missing(image);
  else if (source.wanted && image.isConnected) show(image);
}

function failed(image, failure) {
  // Without a key that is taken it stays away; whatever is done next asks for another.
  if (!(failure instanceof Failure) || failure.status === 401) return;
  unloaded.delete(image);
  missing(image);
}

/** Out of view, or taken out of the page: the bytes that the browser holds for it are let go of. */
function release(image) {
  const source = sources.get(image);
  source.wanted = false;
  if (source.url) {
    image.removeAttribute("src");
    URL.revokeObjectURL(source.url);
    source.url = null;
  }
  if (!image.isConnected) {
    watcher.unobserve(image);
    unloaded.delete(image);
  }
}

function missing(image) {
  release(image);
  watcher.unobserve(image);
  image.replaceWith(placeholder(image.alt));
}

function keep(key, blob) {
  kept.delete(key);
  kept.set(key, blob);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}
