/** Hatching over the pixels of a picture that a baseline is blind to. */

const WHITE = 0xffffffff;
const DARK = 0xff202020;

/** Stripes of white and dark, so that they show on any colour, about `lines` of them across the picture. */
export function hatch(blind: ArrayLike<number>, width: number, out: Uint32Array, lines = 28): void {
  const period = Math.max(6, Math.round(width / lines));
  const stripe = Math.max(1, Math.round(period / 6));
  for (let i = 0; i < out.length; i++) {
    if (!blind[i]) continue;
    const place = ((i % width) + Math.floor(i / width)) % period;
    if (place < stripe) out[i] = WHITE;
    else if (place < 2 * stripe) out[i] = DARK;
  }
}
