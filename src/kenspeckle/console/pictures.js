// Pictures that need the key: fetched when they come into view, let go of when they leave it, a few at a time.

import { h, icon } from "/console/dom.js";
import { Failure, ask, at } from "/console/server.js";

const AT_ONCE = 4;
const KEPT = 240;
const MARGIN = "300px";

const kept = new Map();
const waiting = [];
let running = 0;

/** A stored face as an image that loads itself while it is in view. `name` is for those who don't see it. */
export function thumbnail(collection, faceId, name) {
  return lazy(at("faces", faceId, "thumbnail"), { collection }, `Stored face of ${name}`);
}

/** The photograph stored under a name. Throws Failure where originals are not kept. */
export async function storedPhotograph(collection, identity, signal) {
  const response = await ask(at("images", identity), { query: { collection }, signal, as: "response" });
  const metadata = [...response.headers].filter(([name]) => name.startsWith("x-amz-meta-"));
  return { blob: await response.blob(), metadata: metadata.map(([name, value]) => [name.slice(11), value]) };
}

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) load(target);
    else release(target);
  }
}, { rootMargin: MARGIN });

const sources = new WeakMap();

function lazy(path, query, alt) {
  const image = h("img", { alt, class: "thumb", decoding: "async", draggable: "false" });
  sources.set(image, { path, query, key: `${query.collection} ${path}`, url: null, wanted: false });
  watcher.observe(image);
  return image;
}

async function load(image) {
  const source = sources.get(image);
  source.wanted = true;
  if (source.url) return;
  let blob = kept.get(source.key);
  if (!blob) {
    try {
      blob = await queued(source);
    } catch (failure) {
      // Without a key that is taken it stays away; whatever is done next asks for another.
      if (failure instanceof Failure && failure.status !== 401) missing(image);
      return;
    }
    keep(source.key, blob);
  }
  if (!source.wanted || source.url || !image.isConnected) return;
  source.url = URL.createObjectURL(blob);
  image.src = source.url;
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
  if (!image.isConnected) watcher.unobserve(image);
}

function missing(image) {
  image.replaceWith(h("span", { class: "thumb missing", role: "img", "aria-label": `${image.alt} (no picture)` },
    icon("photo")));
}

function keep(key, blob) {
  kept.set(key, blob);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

function queued(source) {
  return new Promise((resolve, reject) => {
    waiting.push({ source, resolve, reject });
    work();
  });
}

async function work() {
  if (running >= AT_ONCE) return;
  // The newest first: whoever scrolls quickly waits for what is seen, not for what has passed by.
  const next = waiting.pop();
  if (!next) return;
  running += 1;
  try {
    next.resolve(next.source.wanted ? await ask(next.source.path, { query: next.source.query, as: "blob", quiet: true }) : Promise.reject(new DOMException("", "AbortError")));
  } catch (error) {
    next.reject(error);
  } finally {
    running -= 1;
    work();
  }
}
