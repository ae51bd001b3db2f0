// Reads Prometheus' text format, as far as /metrics speaks it, and quantiles out of its histograms.

/** All samples: `[{name, labels, value}]`. */
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)$/.exec(line);
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((one) => [one[1], one[2]]));
    samples.push({ name: found[1], labels, value: Number(found[3].replace("Inf", "Infinity")) });
  }
  return samples;
}

/** The sum of all samples of a name whose labels fit. */
export function total(samples, name, fits = () => true) {
  return samples.reduce((sum, one) => (one.name === name && fits(one.labels) ? sum + one.value : sum), 0);
}

/** Label values of a histogram with how often they were observed, most often first. */
export function observed(samples, name, label) {
  return samples.filter((one) => one.name === `${name}_count`)
    .map((one) => ({ label: one.labels[label], count: one.value, seconds: total(samples, `${name}_sum`, (its) => its[label] === one.labels[label]) }))
    .sort((one, other) => other.count - one.count);
}

/** The quantile (0 to 1) of a histogram in seconds, between bucket bounds by a line; null without observations. */
export function quantile(samples, name, share, fits) {
  const buckets = samples.filter((one) => one.name === `${name}_bucket` && fits(one.labels))
    .map((one) => [Number(one.labels.le.replace("+Inf", "Infinity")), one.value]).sort((one, other) => one[0] - other[0]);
  const all = buckets.at(-1)?.[1] ?? 0;
  if (!all) return null;
  let [low, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= share * all) {
      if (bound === Infinity) return low;
      return low + (bound - low) * ((share * all - below) / Math.max(1, count - below));
    }
    [low, below] = [bound, count];
  }
  return low;
}
