// What this page knows of the service and of its visitor's rights; the collection and threshold in use.

import { ask, hasKey } from "/console/server.js";

export const session = {
  info: null,
  collections: [],
  collection: null,
  threshold: 80,
  telling: false,
};

const listeners = new Set();

/** Calls back whenever rights, collections or the collection in use have changed; until the signal is aborted. */
export function onChange(listener, signal) {
  listeners.add(listener);
  signal?.addEventListener("abort", () => listeners.delete(listener), { once: true });
}

/** Reads who we are and which collections there are. Throws Failure. */
export async function refresh() {
  const first = session.info === null;
  session.info = await ask("/v1/info");
  if (first) session.threshold = session.info.face_match_threshold;
  session.collections = await readCollections();
  const names = session.collections.map((one) => one.CollectionId);
  if (!names.includes(session.collection)) {
    session.collection = names.includes(session.info.collection) || !names.length ? session.info.collection : names[0];
  }
  changed();
}

/** Works in another collection from now on. */
export function choose(collection) {
  if (collection === session.collection) return;
  session.collection = collection;
  changed();
}

/** Whether the visitor has the scope, for the collection in use unless another one is named. */
export function may(scope, collection = session.collection) {
  const key = session.info?.key;
  if (!key) return session.info !== null;
  const scoped = key.scopes.includes(scope) || key.scopes.includes("admin");
  return scoped && (collection === ANY || key.collections.length === 0 || key.collections.includes(collection));
}

/** For routes that touch no collection, or show only those that are granted. */
export const ANY = Symbol("any collection");

/** Whether the visitor has the scope for the service as a whole. */
export function mayService(scope) {
  const key = session.info?.key;
  return may(scope, ANY) && (!key || key.collections.length === 0);
}

/** Whether the server asks nobody for a key. */
export function open() {
  return session.info !== null && !session.info.key && !hasKey();
}

/** Whether the server does that at all: not every one has jobs, people or videos. */
export function offered(what) {
  return session.info?.offered?.includes(what) ?? false;
}

/** The described collection in use; null where the key may not read it. */
export function current() {
  return session.collections.find((one) => one.CollectionId === session.collection) ?? null;
}

const MOST_COLLECTIONS = 500;

async function readCollections() {
  if (!may("read", ANY)) return session.info.key.collections.map((name) => ({ CollectionId: name }));
  const found = [];
  let cursor = null;
  do {
    const page = await ask("/v1/collections", { query: { limit: 100, cursor } });
    found.push(...page.Collections);
    cursor = page.NextToken ?? null;
  } while (cursor && found.length < MOST_COLLECTIONS);
  return found;
}

function changed() {
  for (const listener of listeners) listener();
}
