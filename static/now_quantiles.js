// now_quantiles.js: percentiles of a longer time from those of its seconds. The service tells four
// points of each second's distribution; between them durations are taken to lie evenly on a
// logarithmic scale. Where a second had one request, that is exact.

const KNOWN = [['p50_ns', 0.5], ['p90_ns', 0.9], ['p99_ns', 0.99], ['max_ns', 1]];

// The share of a second's requests that took at most exp(x).
function shareBelow(knots, x) {
  if (x < knots[0].x) return 0;
  for (let i = 1; i < knots.length; i += 1) {
    const [a, b] = [knots[i - 1], knots[i]];
    if (x < b.x) return a.share + (b.share - a.share) * (x - a.x) / (b.x - a.x);
  }
  return 1;
}

function knotsOf(point) {
  const knots = KNOWN.map(([member, share]) => ({ x: Math.log(Math.max(1, point[member])), share }));
  // The fastest is not told: as far below the middle as the 90th percentile is above it.
  return [{ x: 2 * knots[0].x - knots[1].x, share: 0 }, ...knots];
}

// A function from a share (0.99) to nanoseconds; of no requests to null.
export function combined(points) {
  const seconds = points.map((point) => ({ requests: point.requests, knots: knotsOf(point) }));
  const total = seconds.reduce((sum, second) => sum + second.requests, 0);
  return (share) => {
    if (total === 0) return null;
    let low = Math.min(...seconds.map(({ knots }) => knots[0].x));
    let high = Math.max(...seconds.map(({ knots }) => knots[4].x));
    for (let i = 0; i < 50 && high - low > 1e-4; i += 1) {
      const middle = (low + high) / 2;
      const below = seconds.reduce((sum, one) => sum + one.requests * shareBelow(one.knots, middle), 0);
      if (below >= share * total) high = middle;
      else low = middle;
    }
    return Math.exp(high);
  };
}
