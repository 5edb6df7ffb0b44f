/** Strokes of a round brush, as data: the mirror of `inputs/strokes.py`. */

export interface Stroke {
  /** "#rrggbb". */
  color: string;
  /** The diameter of the brush, as a share of the picture's shorter side. */
  size: number;
  /** x and y each, shares of the picture's width and height. */
  points: [number, number][];
}

export const MOST_STROKES = 64;
export const MOST_POINTS = 4096;

export function strokesOf(baseline: Record<string, unknown> | null | undefined): Stroke[] {
  return Array.isArray(baseline?.strokes) ? (baseline.strokes as Stroke[]) : [];
}

/** Add a place to a stroke where it is far enough from the last one to be seen. */
export function extend(stroke: Stroke, x: number, y: number): boolean {
  const inside = (share: number) => Math.round(1e4 * Math.min(1, Math.max(0, share))) / 1e4;
  const last = stroke.points.at(-1);
  if (last && Math.hypot(x - last[0], y - last[1]) < stroke.size / 8) return false;
  stroke.points.push([inside(x), inside(y)]);
  return true;
}

/** Why no more can be painted; null where it can. */
export function full(strokes: readonly Stroke[]): string | null {
  if (strokes.length >= MOST_STROKES) return `${MOST_STROKES} strokes are the most. Undo one, or clear.`;
  const points = strokes.reduce((sum, stroke) => sum + stroke.points.length, 0);
  return points >= MOST_POINTS ? "The strokes hold all the points they may. Undo one, or clear." : null;
}

/** Draw strokes over what a canvas of the picture's own pixels shows. */
export function drawStrokes(canvas: HTMLCanvasElement, strokes: readonly Stroke[]): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const { width, height } = canvas;
  pen.lineCap = "round";
  pen.lineJoin = "round";
  for (const { color, size, points } of strokes) {
    pen.strokeStyle = color;
    pen.lineWidth = size * Math.min(width, height);
    pen.beginPath();
    const [first = [0, 0], ...rest] = points;
    pen.moveTo(first[0] * width, first[1] * height);
    // A line to where it is makes the dot of a click.
    for (const [x, y] of rest.length > 0 ? rest : [first]) pen.lineTo(x * width, y * height);
    pen.stroke();
  }
}
