/** How often gauges are looked at; scrapers come every few seconds at most. */
const SAMPLE_MS = 1_000;

/** Looks at something every second until the answer is called. Does not keep the process alive. */
export function sample(look: () => void): () => void {
  const timer = setInterval(look, SAMPLE_MS);
  timer.unref();
  return () => clearInterval(timer);
}
