// What a similarity means: false match rates of the calibration (docs/accuracy.md), and what follows for a collection.

const KNOTS = [[80, 1e-3], [90, 1e-4], [95, 1e-5], [99, 1e-6]];
// The same as domain/similarity.py has.
const TIERS = [[99, "sure"], [90, "likely"], [80, "possible"]];

/** Share of pairs of strangers that pass the threshold; null below 80, for which no rate is promised. */
export function falseMatchRate(threshold) {
  if (threshold < KNOTS[0][0]) return null;
  for (let at = 1; at < KNOTS.length; at += 1) {
    const [[low, many], [high, few]] = [KNOTS[at - 1], KNOTS[at]];
    if (threshold <= high) return many * (few / many) ** ((threshold - low) / (high - low));
  }
  return KNOTS.at(-1)[1];
}

/** A word for a match: sure, likely or possible; "" below 80, where strangers are too common for one. */
export function tier(similarity) {
  return (TIERS.find(([least]) => similarity >= least) ?? [0, ""])[1];
}

/** "1 in 3,200", to two digits. */
export function odds(rate) {
  const one = 1 / rate;
  const scale = 10 ** Math.max(0, Math.floor(Math.log10(one)) - 1);
  return `1 in ${(Math.round(one / scale) * scale).toLocaleString("en")}`;
}

/** What a threshold lets through, as a sentence. */
export function meaning(threshold) {
  const rate = falseMatchRate(threshold);
  if (rate === null) return "More than 1 in 1,000 pairs of strangers pass: for looking around, not for deciding.";
  if (threshold > 99) return "Fewer than 1 in 1,000,000 pairs of strangers pass.";
  return `${odds(rate)} pairs of strangers passes.`;
}

/** How often a stranger finds somebody among so many faces, as a sentence; "" where nothing can be said. */
export function inCollection(threshold, faces) {
  const rate = falseMatchRate(threshold);
  if (rate === null || !faces) return "";
  const chance = 1 - (1 - rate) ** faces;
  const often = chance >= 0.1 ? `about ${Math.round(chance * 100)} of 100 searches` : `about ${odds(chance).replace("in", "of")} searches`;
  const among = faces === 1 ? "the one face" : `the ${faces.toLocaleString("en")} faces`;
  return `Among ${among} here, a stranger is taken for somebody in ${often}.`;
}
