// Starts the console: signs in, shows the view that the address names, keeps navigation and rights in step.

import { button, fill, foreign, h, icon } from "/console/dom.js";
import { keepFocus } from "/console/focus.js";
import { notice } from "/console/notices.js";
import { Failure, hasKey, whenLocked } from "/console/server.js";
import { ANY, choose, may, mayService, offered, onChange, refresh, session } from "/console/session.js";

const READ = () => may("read", ANY);
const ADMIN = () => mayService("admin");

// By address, in the order of navigation. Views of one `section` share a link; views without a title are reached from `under`.
const VIEWS = {
  "": { title: "Recognize", load: () => import("/console/views/recognize.js"), allowed: () => may("search") },
  people: { section: "People", title: "People", load: () => import("/console/views/people.js"), allowed: () => READ() && offered("people") },
  unknown: { section: "People", title: "Unknown", load: () => import("/console/views/unknown.js"), allowed: () => READ() && offered("groups") },
  duplicates: { section: "People", title: "Duplicates", load: () => import("/console/views/duplicates.js"), allowed: () => READ() && offered("groups") },
  gallery: { section: "People", title: "Faces", load: () => import("/console/views/gallery.js"), allowed: READ },
  collections: { section: "People", title: "Collections", load: () => import("/console/views/collections.js"), allowed: READ },
  users: { section: "People", title: "Users", load: () => import("/console/views/users.js"), allowed: READ },
  compare: { title: "Compare", load: () => import("/console/views/compare.js"), allowed: () => may("search", ANY) },
  videos: { title: "Videos", load: () => import("/console/views/videos.js"), allowed: () => READ() && may("search", ANY) && offered("video") },
  keys: { section: "Admin", title: "Keys", load: () => import("/console/views/keys.js"), allowed: ADMIN },
  webhooks: { section: "Admin", title: "Webhooks", load: () => import("/console/views/webhooks.js"), allowed: ADMIN },
  audit: { section: "Admin", title: "Audit", load: () => import("/console/views/audit.js"), allowed: ADMIN },
  health: { section: "Admin", title: "Health", load: () => import("/console/views/health.js"), allowed: () => mayService("read") },
  jobs: { section: "Admin", title: "Jobs", load: () => import("/console/views/jobs.js"), allowed: () => READ() && offered("jobs") },
  person: { under: "people", load: () => import("/console/views/person.js"), allowed: () => READ() && offered("people") },
  face: { get under() { return offered("people") ? "people" : "gallery"; }, load: () => import("/console/views/face.js"), allowed: READ },
  video: { under: "videos", load: () => import("/console/views/video.js"), allowed: () => READ() && may("search", ANY) && offered("video") },
  user: { under: "users", load: () => import("/console/views/user.js"), allowed: READ },
};

const main = document.getElementById("main");
const nav = document.getElementById("nav");
const within = document.getElementById("within");
const standing = document.getElementById("standing");
let leaving = new AbortController();
let arrived = false;

async function show() {
  const [name, ...words] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const view = VIEWS[known(name)];
  const first = Object.keys(VIEWS).find((one) => VIEWS[one].title && VIEWS[one].allowed());
  if (name === "" && !view.allowed() && first) {
    // The first page of a key that may not search is the first that it may see.
    location.replace(`#/${first}`);
    return;
  }
  leaving.abort(new DOMException("The view was left.", "AbortError"));
  leaving = new AbortController();
  const { signal } = leaving;
  drawNavigation(here());
  if (!view.allowed()) {
    fill(main, forbidden());
    return;
  }
  try {
    const module = await view.load();
    if (signal.aborted) return;
    const content = module.view({ words, signal });
    fill(main, content);
    document.title = `${main.querySelector("h1")?.textContent ?? "Console"} · Kenspeckle`;
    performance.mark("view-shown");
    if (arrived) arrive();
    arrived = true;
  } catch (error) {
    if (!signal.aborted) fill(main, notice(unloaded(error), { retry: show, signal }));
  }
}

/** A new view begins at its top, and its heading is what a screen reader reads first. */
function arrive() {
  scrollTo(0, 0);
  const heading = main.querySelector("h1");
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}

/** The first level has a link for each section, which leads to the first of its views; the second has those views. */
function drawNavigation(here) {
  const section = VIEWS[here].section ?? VIEWS[here].title;
  const views = Object.entries(VIEWS).filter(([, view]) => view.title && view.allowed());
  const firsts = views.filter(([, view], at) => views.findIndex(([, one]) => group(one) === group(view)) === at);
  nav.hidden = false;
  fill(nav, firsts.map(([name, view]) => h("a", {
    href: `#/${name}`, "aria-current": group(view) === section ? (name === here ? "page" : "true") : null,
  }, group(view))));
  const siblings = views.filter(([, view]) => view.section === section);
  within.hidden = siblings.length < 2;
  within.setAttribute("aria-label", section);
  fill(within, siblings.map(([name, view]) =>
    h("a", { href: `#/${name}`, "aria-current": name === here ? "page" : null }, view.title)));
  for (const one of [nav, within]) one.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function group(view) {
  return view.section ?? view.title;
}

function drawStanding() {
  const names = session.collections.map((one) => one.CollectionId);
  if (!names.includes(session.collection)) names.unshift(session.collection);
  const select = standing.querySelector("select");
  standing.hidden = false;
  if (select && String([...select.options].map((one) => one.value)) === String(names)) {
    // Not drawn anew: somebody may be typing a name into it.
    select.value = session.collection;
    standing.lastElementChild.replaceWith(keyState());
  } else {
    fill(standing, collectionChoice(names), keyState());
  }
}

function collectionChoice(names) {
  const select = h("select", { "aria-label": "Collection", onchange: () => choose(select.value) },
    names.map((name) => h("option", { value: name, selected: name === session.collection }, name)));
  return select;
}

function keyState() {
  const key = session.info.key;
  if (!key) return h("span", { class: "chip", title: "No key was ever created: this server answers its own machine only." }, "Open");
  return h("span", { class: "signed-in" },
    h("span", { class: "chip", title: `This key may: ${key.scopes.join(", ")}` }, icon("key"), foreign(key.name)),
    hasKey() && button("Sign out", { class: "plain small", onclick: () => location.reload() }));
}

function forbidden() {
  const key = session.info.key;
  return h("section", { class: "page" }, h("h1", {}, "Not for this key"),
    h("p", { class: "lead" }, "The key ", h("strong", {}, foreign(key?.name ?? "")), " has no right for this view. It has: ",
      key?.scopes.join(", ") || "none", key?.collections.length ? `, for ${key.collections.join(", ")}` : "", "."),
    h("p", {}, button("Sign in with another key", { class: "primary", onclick: () => location.reload() }, "key")));
}

function unloaded(error) {
  console.error(error);
  return new Failure({ title: "Part of the page could not be loaded",
    detail: "The server may have stopped. Try again once it is back." });
}

function decoded(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

async function start() {
  whenLocked(async (failure) => {
    const { signIn } = await import("/console/signin.js");
    return signIn(failure, session.info === null ? main : null);
  });
  try {
    await refresh();
  } catch (failure) {
    fill(main, notice(failure, { retry: start }));
    return;
  }
  drawStanding();
  onChange(() => { drawStanding(); drawNavigation(here()); });
  addEventListener("hashchange", show);
  // The link to the content leads there, and not to a view of that name.
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
  await show();
}

function here() {
  const name = location.hash.replace(/^#\/?/, "").split("/")[0];
  return VIEWS[known(name)].under ?? known(name);
}

/** An address that names no view is that of the first. */
function known(name) {
  return Object.hasOwn(VIEWS, name) ? name : "";
}

keepFocus();
start();
