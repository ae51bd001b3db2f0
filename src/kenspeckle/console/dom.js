// Builds elements. Text goes in as text, never as markup: no function here parses HTML.

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "indeterminate", "open", "selected"]);
const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("button", {class: "plain", onclick: go}, "Go")`. Null, undefined and false children are left out. */
export function h(name, props = {}, ...children) {
  const element = document.createElement(name);
  set(element, props);
  put(element, children);
  return element;
}

/** An SVG element, by the same rules. */
export function svg(name, props = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  set(element, props);
  put(element, children);
  return element;
}

/** Replaces everything in an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  put(element, children);
  return element;
}

/** Text of somebody else (a name, a note), whose direction must not spill over to its surroundings. */
export function foreign(text) {
  return h("bdi", {}, String(text));
}

/** Places an element by ratios of its parent's width and height. */
export function place(element, { left, top, width, height }) {
  const style = { left, top, width, height };
  for (const [name, ratio] of Object.entries(style)) {
    if (ratio !== undefined) element.style[name] = `${ratio * 100}%`;
  }
  return element;
}

/** An icon of the set below, for the eye only. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/** A button with an icon before its words. */
export function button(words, props = {}, symbol = null) {
  return h("button", { type: "button", ...props }, symbol && icon(symbol), h("span", {}, words));
}

/** A handler of a form that does the work, once: whoever presses Enter twice sends one request. */
export function sends(work) {
  let sending = false;
  return async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    try {
      await work();
    } finally {
      sending = false;
    }
  };
}

/** Resolves after so many milliseconds; rejects when the signal is aborted. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

/** A count with its noun: `plural(2, "face")` is "2 faces". */
export function plural(count, noun, many = `${noun}s`) {
  return `${number(count)} ${count === 1 ? noun : many}`;
}

/** A number as people of the page's language write it. */
export function number(value, digits = 0) {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A time of the server (seconds since the epoch, or ISO 8601) in the reader's own zone; a dash for none. */
export function time(value) {
  if (value === null || value === undefined) return h("span", { class: "soft" }, "–");
  const date = typeof value === "number" ? new Date(value * 1000) : new Date(value);
  const words = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return h("time", { datetime: date.toISOString(), title: date.toISOString() }, words);
}

function set(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
}

function put(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

const ICONS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v10H9zM5 15V5h10",
  down: "M6 9l6 6 6-6",
  erase: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  key: "M14 10a4 4 0 1 1-8 0 4 4 0 0 1 8 0M13 12l7 7M17 16l2-2",
  face: "M12 4a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9M4.500 20c1-4 4-5 7.500-5s6.500 1 7.500 5",
  next: "M9 5l7 7-7 7",
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  retry: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  video: "M4 6h11v12H4zM15 10.500l5-3v9l-5-3",
  search: "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12M15.500 15.500L20 20",
};
