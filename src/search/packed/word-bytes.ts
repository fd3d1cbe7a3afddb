/** Numbers of 32 bits as little-endian bytes, copied as a whole: the kernels are WebAssembly, so that every machine which runs this is little-endian in effect. */

export function bytesOfWords(words: Float32Array | Uint32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.byteLength);
  bytes.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  return bytes;
}

/** The length of `bytes` is a multiple of 4. */
export function floatsFromBytes(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(bytes.length / 4);
  new Uint8Array(floats.buffer).set(bytes);
  return floats;
}

/** The length of `bytes` is a multiple of 4. */
export function wordsFromBytes(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(bytes.length / 4);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}
