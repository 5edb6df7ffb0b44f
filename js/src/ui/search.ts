/** Ranked search over names: fast enough for every keystroke on tens of thousands of them. */

export interface Found {
  index: number;
  /** Where in the name the match stands, for highlighting. */
  start: number;
  length: number;
}

/** An index over names. The folded forms are made once. */
export class Search {
  #folded: string[];

  constructor(names: readonly string[]) {
    this.#folded = names.map(fold);
  }

  /** The matches, best first: the name, a word of it, its start, the start of a word, inside, all words somewhere. A number also finds its index. */
  find(query: string): Found[] {
    const wanted = fold(query).trim();
    if (wanted === "") return this.#folded.map((_, index) => ({ index, start: 0, length: 0 }));
    const words = wanted.split(/[\s,_-]+/).filter(Boolean);
    const ranked: { found: Found; rank: number }[] = [];
    this.#folded.forEach((name, index) => {
      const start = name.indexOf(wanted);
      const rank = start >= 0 ? placed(name, wanted, start) : scattered(name, words, index, wanted);
      if (rank !== null) {
        const word = start >= 0 ? wanted : (words[0] ?? "");
        const at = rank.start >= 0 ? rank.start : name.indexOf(word);
        ranked.push({
          found: { index, start: Math.max(0, at), length: at < 0 ? 0 : word.length },
          rank: rank.rank,
        });
      }
    });
    ranked.sort((a, b) => a.rank - b.rank || a.found.index - b.found.index);
    return ranked.map(({ found }) => found);
  }
}

/** Lower case without accents, of the same length where it can be, so that positions stay true. */
export function fold(text: string): string {
  const lower = text.toLowerCase();
  const plain = lower.normalize("NFD").replace(/\p{M}/gu, "");
  return plain.length === text.length ? plain : lower.length === text.length ? lower : text;
}

function placed(name: string, wanted: string, first: number): { rank: number; start: number } {
  if (name === wanted) return { rank: 0, start: 0 };
  let best = { rank: 4, start: first };
  for (let at = first; at >= 0 && best.rank > 1; at = name.indexOf(wanted, at + 1)) {
    if (isLetter(name[at - 1])) continue;
    const rank = !isLetter(name[at + wanted.length]) ? 1 : at === 0 ? 2 : 3;
    if (rank < best.rank) best = { rank, start: at };
  }
  return best;
}

function isLetter(letter: string | undefined): boolean {
  return letter !== undefined && /[\p{L}\p{N}]/u.test(letter);
}

function scattered(
  name: string,
  words: readonly string[],
  index: number,
  wanted: string,
): { rank: number; start: number } | null {
  if (String(index) === wanted) return { rank: 0, start: -1 };
  return words.length > 1 && words.every((word) => name.includes(word)) ? { rank: 5, start: -1 } : null;
}
