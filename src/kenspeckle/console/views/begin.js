// Under the empty field of the first view: sample photographs to try it with, and the way to add a person.

import { button, foreign, h } from "/console/dom.js";
import { ask } from "/console/server.js";
import { toast } from "/console/notices.js";
import { may } from "/console/session.js";

/** What there is to begin with; nothing where the server has no samples. `onsample(file)` is given a photograph. */
export async function begin(onsample) {
  const { samples } = await ask("/console/samples");
  const offer = ({ name, file }) => button("", { class: "plain small", onclick: () => take(file, onsample) }, "photo");
  const tries = samples.map((sample) => {
    const press = offer(sample);
    press.lastChild.append(foreign(sample.name));
    return press;
  });
  return [
    tries.length > 0 && h("p", { class: "actions", role: "group", "aria-label": "Sample photographs" },
      h("span", { class: "soft" }, "No photograph at hand? Try one of these:"), tries),
    may("index") && h("p", { class: "actions" }, h("span", { class: "soft" }, "To make somebody known:"),
      button("Add a person from photographs", { class: "plain small", onclick: add }, "add")),
  ];
}

async function add() {
  const { addPerson } = await import("/console/views/add_person.js");
  addPerson();
}

async function take(file, onsample) {
  try {
    const blob = await ask(`/console/samples/${encodeURIComponent(file)}`, { as: "blob" });
    onsample(new File([blob], file, { type: blob.type }));
  } catch (failure) {
    toast(failure.detail);
  }
}
