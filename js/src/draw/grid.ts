/** Where the tiles of a grid lie: layout, what is visible, what is under the pointer, where a key leads. */

export interface Grid {
  count: number;
  columns: number;
  rows: number;
  /** A cell is a map with its caption; neighbours are `gap` apart. */
  cellWidth: number;
  cellHeight: number;
  mapWidth: number;
  mapHeight: number;
  gap: number;
  width: number;
  height: number;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** As many columns as fit tiles of about `tile` pixels, stretched so that both edges are flush. */
export function layoutTiles(
  count: number,
  width: number,
  {
    tile,
    aspect = 1,
    caption = 0,
    gap = 6,
  }: { tile: number; aspect?: number; caption?: number; gap?: number },
): Grid {
  const columns = Math.max(1, Math.floor((width + gap) / (tile + gap)));
  const fitting = Math.floor((width - gap * (columns - 1)) / columns);
  // A few maps don't blow up to fill a wide cell.
  const mapWidth = Math.max(8, count < columns ? Math.min(fitting, tile) : fitting);
  const mapHeight = Math.max(8, Math.round(mapWidth * aspect));
  return finish({
    count,
    columns,
    cellWidth: mapWidth,
    cellHeight: mapHeight + caption,
    mapWidth,
    mapHeight,
    gap,
    width,
  });
}

/** One row an entry. */
export function layoutRows(count: number, width: number, height: number): Grid {
  const side = Math.max(8, width);
  return finish({
    count,
    columns: 1,
    cellWidth: side,
    cellHeight: height,
    mapWidth: side,
    mapHeight: height,
    gap: 0,
    width,
  });
}

function finish(grid: Omit<Grid, "rows" | "height">): Grid {
  const rows = Math.ceil(grid.count / grid.columns);
  return { ...grid, rows, height: Math.max(0, rows * (grid.cellHeight + grid.gap) - grid.gap) };
}

/** The box of the map (without its caption) at a place of the order. */
export function boxOf(grid: Grid, place: number): Box {
  const [column, row] = [place % grid.columns, Math.floor(place / grid.columns)];
  return {
    x: column * (grid.cellWidth + grid.gap),
    y: row * (grid.cellHeight + grid.gap),
    width: grid.mapWidth,
    height: grid.mapHeight,
  };
}

/** The place under a point of the grid, captions included; -1 in a gap or beyond the last. */
export function hit(grid: Grid, x: number, y: number): number {
  const [stepX, stepY] = [grid.cellWidth + grid.gap, grid.cellHeight + grid.gap];
  const [column, row] = [Math.floor(x / stepX), Math.floor(y / stepY)];
  if (x < 0 || y < 0 || column >= grid.columns) return -1;
  if (x - column * stepX >= grid.cellWidth || y - row * stepY >= grid.cellHeight) return -1;
  const place = row * grid.columns + column;
  return place < grid.count ? place : -1;
}

/** First place and the place after the last that a window of the grid shows. */
export function visible(grid: Grid, top: number, height: number): [number, number] {
  const step = grid.cellHeight + grid.gap;
  const first = Math.max(0, Math.floor(top / step));
  const last = Math.min(grid.rows, Math.ceil((top + height) / step));
  return [
    Math.min(grid.count, first * grid.columns),
    Math.min(grid.count, Math.max(first, last) * grid.columns),
  ];
}

/** Where a key leads from a place; null where the key means nothing here. `page` is the window's height. */
export function move(grid: Grid, place: number, key: string, page: number): number | null {
  const rows = Math.max(1, Math.floor(page / (grid.cellHeight + grid.gap)));
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -grid.columns,
    ArrowDown: grid.columns,
    PageUp: -rows * grid.columns,
    PageDown: rows * grid.columns,
  };
  if (grid.count === 0) return null;
  if (key === "Home") return 0;
  if (key === "End") return grid.count - 1;
  const step = steps[key];
  if (step === undefined) return null;
  const next = place + step;
  // A column that ends early is left at its end; other edges hold.
  if (next < 0) return Math.abs(step) === 1 ? 0 : place % grid.columns;
  return Math.min(next, grid.count - 1);
}

/** How far to scroll so that a place is wholly in the window. */
export function reveal(grid: Grid, place: number, top: number, height: number): number {
  const y = Math.floor(place / grid.columns) * (grid.cellHeight + grid.gap);
  if (y < top) return y;
  return y + grid.cellHeight > top + height ? y + grid.cellHeight - height : top;
}

/** Places in falling order of their values, equal ones by index, what is no number last; by index without. */
export function order(count: number, values: ArrayLike<number> | null = null): Uint32Array {
  const places = Uint32Array.from({ length: count }, (_, i) => i);
  if (values === null) return places;
  const key = (i: number) => (Number.isNaN(values[i] ?? Number.NaN) ? -Infinity : values[i]!);
  const keys = Float64Array.from(places, key);
  return places.sort((a, b) => (keys[b] === keys[a] ? a - b : keys[b]! > keys[a]! ? 1 : -1));
}
