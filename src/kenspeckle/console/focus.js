// Keeps the keyboard's place: when what had the focus was drawn anew or is gone, its likeness or its neighbour gets it.

const STOPS = "a[href], button:not(:disabled), summary, [tabindex='0']";
const WHOLE = "main, .page, dialog";

let back = () => {};
let last = null;
let due = null;

/** Watches the page from now on; views draw themselves anew without a thought of it. */
export function keepFocus() {
  document.addEventListener("focusin", ({ target }) => {
    last = target;
    back = returning(target);
  });
  // Whoever clicks beside everything has left on purpose.
  document.addEventListener("pointerdown", () => setTimeout(() => { if (lost()) last = null; }));
  new MutationObserver(() => {
    // Later, for a list is empty for a moment before its next page is drawn.
    due ??= setTimeout(() => { due = null; look(); });
  }).observe(document.body, { childList: true, subtree: true });
}

/** A function that gives the focus back to an element: to itself, its likeness, or what is next to where it was. */
export function returning(element) {
  const [tag, name] = element === document.body ? ["", ""] : [element.tagName, called(element)];
  const nth = likenesses(tag, name).indexOf(element);
  const above = [];
  for (let one = element.parentElement; one && !one.contains(document.body); one = one.parentElement) {
    above.push({ place: one, nth: stops(one).indexOf(element) });
  }
  return () => {
    const alike = likenesses(tag, name).filter(seen);
    const goal = element.isConnected && seen(element) && element !== document.body ? element
      : near(alike, nth) ?? neighbour(above);
    goal?.focus({ preventScroll: goal.matches("h1, h2") });
  };
}

function look() {
  if (last === null || last.isConnected || !lost() || document.querySelector(".busy")) return;
  back();
}

function lost() {
  return document.activeElement === null || document.activeElement === document.body;
}

function likenesses(tag, name) {
  return [...document.getElementsByTagName(tag)].filter((one) => called(one) === name);
}

/** What stands where it stood in the nearest place that is still there; of a whole page or dialog its heading. */
function neighbour(above) {
  for (const { place, nth } of [...above, { place: document.querySelector("main"), nth: 0 }]) {
    if (!place.isConnected) continue;
    const goal = place.matches(WHOLE) ? heading(place) : near(stops(place), nth);
    if (goal) return goal;
  }
  return null;
}

function stops(place) {
  return [...place.querySelectorAll(STOPS)].filter(seen);
}

function near(elements, nth) {
  return elements[Math.min(Math.max(nth, 0), elements.length - 1)];
}

function heading(whole) {
  const found = whole.querySelector("h1, h2");
  if (found) found.tabIndex = -1;
  return found;
}

function called(element) {
  return element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent.trim();
}

function seen(element) {
  return element.checkVisibility() && !element.disabled;
}
