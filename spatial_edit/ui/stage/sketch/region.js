// A drawn region: from the pointer's way to an outline of at most 64 points, and to the ellipse with the same area
// moments, as in layouts/sketch.py; the server's is the one that counts. Points are [x, y] in fractions of the side.

const REGION_POINTS = 64, STROKE_RADIUS = 0.02, LEAST_AREA = Math.PI * 0.005 ** 2;
const REGION_RANGE = [-0.19, 1.19];

// The outline of what was drawn: a closed shape as it is; a line, or a shape that crosses itself, by its hull.
function regionOf(way) {
  const outline = evenly(way.map((point) => point.map((value) => clamp(value, REGION_RANGE))));
  if (length2d(outline) * side < 16) return null;
  const hull = hullOf(outline), found = ellipseOf(outline), area = Math.abs(areaOf(outline));
  if (found && area > LEAST_AREA && (area > 0.8 * Math.abs(areaOf(hull)) || !crossesItself(outline) && area > 0.35 * Math.abs(areaOf(hull)))) return outline;
  const turns = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => k * Math.PI / 4);
  const thick = outline.flatMap(([x, y]) => turns.map((a) => [x + STROKE_RADIUS * Math.cos(a), y + STROKE_RADIUS * Math.sin(a)]));
  const wide = evenly(hullOf(Math.abs(areaOf(hull)) > 20 * LEAST_AREA ? outline : thick).map((point) => point.map((value) => clamp(value, REGION_RANGE))));
  return ellipseOf(wide) ? wide : null;
}

const length2d = (points) => points.reduce((sum, [x, y], i) => (i ? sum + Math.hypot(x - points[i - 1][0], y - points[i - 1][1]) : 0), 0);
// At most 64 points at equal distances along the way.
function evenly(points) {
  if (points.length <= REGION_POINTS) return points;
  const step = length2d(points) / (REGION_POINTS - 1), kept = [points[0]];
  let left = step;
  for (let i = 1; i < points.length; i += 1) {
    let [x0, y0] = points[i - 1], far = Math.hypot(points[i][0] - x0, points[i][1] - y0);
    while (far >= left && kept.length < REGION_POINTS && far > 0) {
      x0 += (points[i][0] - x0) * left / far; y0 += (points[i][1] - y0) * left / far;
      kept.push([x0, y0]);
      far -= left; left = step;
    }
    left -= far;
  }
  return kept;
}
const areaOf = (points) => points.reduce((sum, [x, y], i) => { const [u, v] = points[(i + 1) % points.length]; return sum + (x * v - u * y) / 2; }, 0);
function hullOf(points) {
  const sorted = [...points].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  const turn = (o, a, b) => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
  const half = (list) => {
    const chain = [];
    for (const point of list) {
      while (chain.length > 1 && turn(chain[chain.length - 2], chain[chain.length - 1], point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half([...sorted].reverse())];
}
function crossesItself(points) {
  const n = points.length, turn = (o, a, b) => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
  for (let i = 0; i < n; i += 1) for (let j = i + 2; j < n; j += 1) {
    if (i === 0 && j === n - 1) continue;
    const [a, b, c, d] = [points[i], points[i + 1], points[j], points[(j + 1) % n]];
    if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return true;
  }
  return false;
}

// {x, y, size, aspect, angle} of a closed outline, or null. Green's theorem over the edges; the radii are twice the
// roots of the moments' eigenvalues, scaled to the outline's own area.
function ellipseOf(points) {
  const n = points.length;
  if (n < 3) return null;
  const ox = points.reduce((sum, p) => sum + p[0], 0) / n, oy = points.reduce((sum, p) => sum + p[1], 0) / n;
  let area = 0, mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
  points.forEach((point, i) => {
    const next = points[(i + 1) % n], x = point[0] - ox, y = point[1] - oy, u = next[0] - ox, v = next[1] - oy, cross = x * v - u * y;
    area += cross / 2; mx += (x + u) * cross; my += (y + v) * cross;
    xx += (x * x + x * u + u * u) * cross; yy += (y * y + y * v + v * v) * cross;
    xy += (2 * x * y + x * v + u * y + 2 * u * v) * cross;
  });
  if (Math.abs(area) < LEAST_AREA) return null;
  mx /= 6 * area; my /= 6 * area;
  xx = xx / (12 * area) - mx * mx; yy = yy / (12 * area) - my * my; xy = xy / (24 * area) - mx * my;
  const middle = (xx + yy) / 2, spread = Math.hypot((xx - yy) / 2, xy), low = middle - spread, high = middle + spread;
  const x = ox + mx, y = oy + my;
  if (low <= 0 || Math.min(x, y) < -0.2 || Math.max(x, y) > 1.2) return null;
  const axis = Math.atan2(2 * xy, xx - yy) / 2;    // of the long axis, y down
  return { x, y, size: clamp(Math.sqrt(Math.abs(area) / Math.PI), [0.005, 1]), aspect: clamp(Math.sqrt(high / low), [0.1, 10]), angle: -axis };
}
