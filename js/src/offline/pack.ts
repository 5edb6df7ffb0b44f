/** What the page carries as text: an index, and many pieces of bytes, each unpacked when it is wanted. */

export class Pack {
  #starts: number[] = [];

  private constructor(
    private readonly data: string,
    lengths: readonly number[],
  ) {
    let start = 0;
    for (const length of lengths) {
      this.#starts.push(start);
      start += length;
    }
    this.#starts.push(start);
  }

  /** Read the index: JSON whose `blobs` are the lengths of the pieces in `data`. */
  static async open<T extends { blobs: readonly number[] }>(index: string, data: string): Promise<[T, Pack]> {
    const told = JSON.parse(new TextDecoder().decode(await inflate(index))) as T;
    return [told, new Pack(data, told.blobs)];
  }

  async bytes(number: number): Promise<ArrayBuffer> {
    return inflate(this.data.slice(this.#starts[number], this.#starts[number + 1]));
  }

  async text(number: number): Promise<string> {
    return new TextDecoder().decode(await this.bytes(number));
  }
}

/** Base64 of gzip to bytes. Both are in the browser, and neither asks the network. */
async function inflate(text: string): Promise<ArrayBuffer> {
  const letters = atob(text);
  const packed = new Uint8Array(letters.length);
  for (let i = 0; i < packed.length; i++) packed[i] = letters.charCodeAt(i);
  const { readable, writable } = new DecompressionStream("gzip");
  // Written by hand: the stream of a Blob takes a way through other processes, which costs as much again.
  const writer = writable.getWriter();
  const whole = new Response(readable).arrayBuffer();
  return (await Promise.all([whole, writer.write(packed), writer.close()]))[0];
}
