/**
 * The CRC of two runs of bytes put together, from the CRC of each: crc(A ++ B) = crc(A) * x^(8 |B|) + crc(B) modulo the polynomial.
 * Source: zlib, crc32_combine (Mark Adler); polynomials as S3 names them.
 */

export type CombinableCrc = "CRC32" | "CRC32C" | "CRC64NVME";

interface Polynomial {
  readonly bits: bigint;
  /** Reflected: bit 0 is the greatest power. */
  readonly reflected: bigint;
}

const POLYNOMIALS: Readonly<Record<CombinableCrc, Polynomial>> = {
  CRC32: { bits: 32n, reflected: 0xedb88320n },
  CRC32C: { bits: 32n, reflected: 0x82f63b78n },
  CRC64NVME: { bits: 64n, reflected: 0x9a6c9329ac4bc9b5n },
};

/** Continues CRCs over parts; remembers the power for the length seen last, since parts mostly have one length. */
export class CrcCombiner {
  readonly #polynomial: Polynomial;
  #powerLength = -1;
  #power = 0n;
  #crc = 0n;
  #empty = true;

  constructor(algorithm: CombinableCrc) {
    this.#polynomial = POLYNOMIALS[algorithm];
  }

  /** `crc` is big endian, 4 or 8 bytes; `lengthBytes` is what it covers. */
  append(crc: Uint8Array, lengthBytes: number): void {
    const value = toBigInt(crc);
    if (this.#empty) {
      this.#crc = value;
      this.#empty = false;
      return;
    }
    if (lengthBytes !== this.#powerLength) {
      this.#power = powerOfX(this.#polynomial, BigInt(lengthBytes) * 8n);
      this.#powerLength = lengthBytes;
    }
    this.#crc = multiply(this.#polynomial, this.#power, this.#crc) ^ value;
  }

  /** Big endian, 4 or 8 bytes. */
  result(): Uint8Array {
    const length = Number(this.#polynomial.bits / 8n);
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) {
      bytes[length - 1 - index] = Number((this.#crc >> BigInt(8 * index)) & 0xffn);
    }
    return bytes;
  }
}

function toBigInt(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** a * b modulo the polynomial, all reflected. */
function multiply(polynomial: Polynomial, a: bigint, b: bigint): bigint {
  const top = 1n << (polynomial.bits - 1n);
  let product = 0n;
  let factor = b;
  for (let mask = top; mask !== 0n; mask >>= 1n) {
    if ((a & mask) !== 0n) product ^= factor;
    factor = (factor & 1n) !== 0n ? (factor >> 1n) ^ polynomial.reflected : factor >> 1n;
  }
  return product;
}

/** x^exponent modulo the polynomial, by squaring. */
function powerOfX(polynomial: Polynomial, exponent: bigint): bigint {
  let result = 1n << (polynomial.bits - 1n);
  let square = 1n << (polynomial.bits - 2n);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) !== 0n) result = multiply(polynomial, square, result);
    square = multiply(polynomial, square, square);
  }
  return result;
}
