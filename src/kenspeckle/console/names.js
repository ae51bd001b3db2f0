// The rules of names, as the server has them (domain/validation.py), and names as people read them.

const RULES = {
  identity: { most: 255, allowed: /^[a-zA-Z0-9_.\-:]+$/, marks: "_ . - :" },
  collection: { most: 255, allowed: /^[a-zA-Z0-9_.-]+$/, marks: "_ . -" },
  user: { most: 128, allowed: /^[a-zA-Z0-9_.\-:]+$/, marks: "_ . - :" },
};
const ENDING = /(?<=.)\.(?:jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|avif|hei[cf]|hif|b64|txt)$/i;

/** Why a name of that kind can't be; null where it can. */
export function fault(kind, text) {
  const { most, allowed, marks } = RULES[kind];
  if (text === "") return "A name is needed.";
  if (text.length > most) return `A name has at most ${most} characters; this one has ${text.length}.`;
  if (allowed.test(text)) return null;
  const strange = [...text].find((one) => !allowed.test(one));
  const shown = /\s/.test(strange) ? "A space" : `“${strange}”`;
  return `${shown} can't be in a name: letters a–z, digits and ${marks} can.`;
}

/** The nearest name that the rule allows, "" where nothing would be left. */
export function suggestion(kind, text) {
  const { most, allowed } = RULES[kind];
  const plain = text.trim().normalize("NFKD").replace(/\p{M}/gu, "").replace(/ß/g, "ss").replace(/ø/gi, "o");
  const kept = [...plain.replace(/\s+/g, "-")].filter((one) => allowed.test(one)).join("");
  return kept.replace(/-{2,}/g, "-").replace(/^-|-$/g, "").slice(0, most);
}

/** "keanu-reeves.jpg" as "Keanu reeves": the server's own rule for `matchedFaces` (domain.display_name). */
export function shown(identity) {
  if (identity === undefined || identity === null) return "Nameless";
  const name = identity.replace(ENDING, "").replace(/[-_]/g, " ").split(/\s+/).filter(Boolean).join(" ");
  return name ? name[0].toUpperCase() + name.slice(1) : identity;
}

/** What somebody of that name is stored as: the name itself where the rule allows it, else what is left of it. */
export function identityOf(name) {
  if (fault("identity", name) === null) return name;
  const plain = suggestion("identity", name);
  // Too little of it would be left to tell one from another.
  return plain.length * 2 >= [...name.trim()].length ? plain : `person-${crypto.randomUUID().slice(0, 13)}`;
}

const REASONS = {
  EXCEEDS_MAX_FACES: "More faces than were asked for; this one is smaller or less clear than those that were taken.",
  EXTREME_POSE: "Turned too far away from the camera.",
  LOW_BRIGHTNESS: "Too dark.",
  LOW_SHARPNESS: "Too blurred.",
  LOW_CONFIDENCE: "Not clearly a face.",
  SMALL_BOUNDING_BOX: "Too small in the photograph.",
  LOW_FACE_QUALITY: "Too poor for recognition.",
  FACE_NOT_LARGEST: "Only the largest face was looked at.",
  ASSOCIATED_TO_A_DIFFERENT_USER: "Belongs to another user.",
  FACE_NOT_FOUND: "No longer there.",
  LOW_MATCH_CONFIDENCE: "Not like the faces that this user has.",
  ASSOCIATED_TO_AN_EXISTING_USER: "Belongs to a user; take it from the user first.",
};

/** A reason of the server in words; one that is new to us as it is. */
export function reason(code) {
  return REASONS[code] ?? code.toLowerCase().replaceAll("_", " ");
}
