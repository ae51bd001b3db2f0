// Lists that come in pages: one page is in memory and in the document at a time, however long the list is.

import { button, fill, h, number } from "/console/dom.js";
import { watched } from "/console/notices.js";
import { ask, at } from "/console/server.js";

const SCANNED_AT_ONCE = 1000;

/**
 * A list with buttons to the next and the previous page. `read(from, signal)` gives `{items, next}`: `from` is null or
 * what `next` was on the page before. `draw(items)` makes the page; `none()` is shown for a list without items.
 */
export function pages({ read, draw, none, signal, words = "Loading…" }) {
  const content = h("div", { class: "page-content" });
  const foot = h("nav", { class: "pages", "aria-label": "Pages" });
  const element = h("div", { class: "page-list" }, content, foot);
  const begins = [null];
  let turn = new AbortController();

  async function show(index, turned) {
    turn.abort(new DOMException("Another page is wanted.", "AbortError"));
    turn = new AbortController();
    const either = AbortSignal.any([turn.signal, signal]);
    fill(foot);
    const page = await watched(content, words, () => read(begins[index], either),
      { retry: () => show(index, turned), signal: either }).catch(quiet);
    if (!page || either.aborted) return;
    begins.length = index + 1;
    if (page.next !== null) begins.push(page.next);
    if (page.items.length || index > 0) fill(content, draw(page.items));
    else fill(content, none());
    if (begins.length > 1) fill(foot, turns(index, page.next !== null));
    if (turned) {
      scrollTo(0, 0);
      // Where one was, so that Enter turns on; at either end the other way.
      const [back, on] = foot.querySelectorAll("button");
      (on.disabled || (turned === "back" && !back.disabled) ? back : on).focus({ preventScroll: true });
    }
  }

  function turns(index, more) {
    return [
      button("Previous", { class: "plain", disabled: index === 0, onclick: () => show(index - 1, "back") }, "back"),
      h("span", { class: "soft", role: "status" }, `Page ${number(index + 1)}`),
      button("Next", { class: "plain", disabled: !more, onclick: () => show(index + 1, "on") }, "next"),
    ];
  }

  element.leave = () => turn.abort(new DOMException("Another list is wanted.", "AbortError"));
  element.reload = () => { begins.length = 1; return show(0, null); };
  element.reload();
  return element;
}

/** Fills a place with such a list; one that stood there stops to read. */
export function relist(place, options) {
  place.firstElementChild?.leave?.();
  fill(place, pages(options));
}

/**
 * A reader for `pages` over a route of the API that answers a list with NextToken. With `wanted` only items that it
 * takes are given: the list is looked through from where the last page ended, and `ontold(count)` says how far.
 */
export function reader({ path, query = {}, member, size, wanted = null, most = SCANNED_AT_ONCE, ontold = () => {} }) {
  if (!wanted) {
    return async (from, signal) => {
      const page = await ask(path, { query: { ...query, limit: size, cursor: from }, signal });
      return { items: page[member], next: page.NextToken ?? null };
    };
  }
  return async (from, signal) => {
    let { cursor, skip, looked } = from ?? { cursor: null, skip: 0, looked: 0 };
    const items = [];
    for (;;) {
      const page = await ask(path, { query: { ...query, limit: most, cursor }, signal });
      for (let index = skip; index < page[member].length; index += 1) {
        if (items.length === size) return { items, next: { cursor, skip: index, looked } };
        if (wanted(page[member][index])) items.push(page[member][index]);
      }
      looked += page[member].length;
      ontold(looked);
      if (!page.NextToken) return { items, next: null };
      [cursor, skip] = [page.NextToken, 0];
    }
  };
}

/** The address of a collection's list: `listOf("visitors", "faces")`. */
export function listOf(collection, ...rest) {
  return at("collections", collection, ...rest);
}

function quiet(error) {
  if (error?.name !== "AbortError") throw error;
}
