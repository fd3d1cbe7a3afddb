/** Of the promise: a token speaks for whom the cluster sealed it, with the key that it was sealed for, and for nobody else. */
import { describe, expect, it } from "vitest";
import { fromBase64Url, toBase64Url } from "../base/index.ts";
import { AccessError } from "./errors.ts";
import { createSealer } from "./seal.ts";
import { MAX_SESSION_TOKEN_CHARACTERS, mintSession, openSession } from "./session.ts";

let next = 0;
const randomBytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, () => (next = (next * 73 + 41) % 251));
const sealerOf = (byte: number, previous: readonly number[] = []) =>
  createSealer({
    keyEncryptionKey: new Uint8Array(32).fill(byte),
    previousKeys: previous.map((one) => new Uint8Array(32).fill(one)),
    randomBytes,
  });
const CLAIMS = {
  issuedAtMs: 1_700_000_000_000,
  expiresAtMs: 1_700_003_600_000,
  canonicalId: "c".repeat(64),
  subject: { kind: "role", roleName: "R", roleId: "AROA1", sessionName: "s" },
  policies: ['{"Statement":[]}'],
} as const;

function outcome(keyId: string, token: string, byte = 1): string {
  try {
    openSession(keyId, token, sealerOf(byte));
    return "opened";
  } catch (error) {
    if (!(error instanceof AccessError)) throw error;
    return error.code;
  }
}

describe("a session", () => {
  const minted = mintSession(CLAIMS, sealerOf(1), randomBytes);

  it("opens as it was minted, also after a rotation", () => {
    expect(minted.keyId).toMatch(/^ST[A-Z2-7]{18}$/);
    const expected = { ...CLAIMS, secret: minted.secret };
    expect(openSession(minted.keyId, minted.token, sealerOf(1))).toEqual(expected);
    expect(openSession(minted.keyId, minted.token, sealerOf(2, [1]))).toEqual(expected);
  });

  it("that an earlier version minted is read as it was meant", () => {
    const token = [
      "AWZhIKgwMTIzNDU2Nzg5OjuY-a4YNy01KVYDpO2fRRf0fzMeRJidgp1Ds6XJaYC6uytdk2ZeUw4YdATU4NoezVpxnAo0U3mgXdv4",
      "4YF57Jqs29ZB3rJAbf3fS-E1irSPTLhjrOcfs2Mi36DrENrsYH4u03Edjvt2Dx0HaHW648eT0Ww0eT7VHq_bHbUFoQdjyaETXPsY",
      "pydjzLsS05qtxtcshJfRU7Pz2-dWpwTPrKGrYC-FH7C3i9Reee1WnKAUnuEEP2ff3goohRcvp24bR7f0gxU7G16LpHUK62J_ghwh",
      "yclFMI0IFbCLgIEmoeGL995Q21G6sxPHdQ_v-jaXBWmUk6V7kzA5h6xc7sOqi0m3_u-ESCLMgSk66DGCaPkeW8QMc3vdf2727OYu",
      "s9YDBnh0AwIgOd1bO-DpILDlIfAAF6OgTOYcQevcEBuY",
    ].join("");
    const expected = { ...CLAIMS, secret: "EhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v" };
    expect(openSession("STABCDEFGHIJKLMNOPQR", token, sealerOf(1))).toEqual(expected);
  });

  it("opens for its own key only, and under the cluster's key only", () => {
    expect(outcome(`${minted.keyId.slice(0, -1)}_`, minted.token)).toBe("session-invalid");
    expect(outcome(minted.keyId, minted.token, 3)).toBe("session-invalid");
  });

  it("with any bit changed does not open", () => {
    const bytes = fromBase64Url(minted.token) ?? new Uint8Array(0);
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Uint8Array.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8));
      expect(outcome(minted.keyId, toBase64Url(changed)), String(index)).toBe("session-invalid");
    }
    for (let length = 0; length < bytes.length; length += 7) {
      expect(outcome(minted.keyId, toBase64Url(bytes.subarray(0, length)))).toBe("session-invalid");
    }
  });

  it.each(["", "!", "a", "A".repeat(MAX_SESSION_TOKEN_CHARACTERS + 1)])("is not %j", (token) => {
    expect(outcome(minted.keyId, token)).toBe("session-invalid");
  });

  it("of another format does not open", () => {
    const sealed = sealerOf(1).seal(Uint8Array.of(2, 0x7b, 0x7d), `session/${minted.keyId}`);
    expect(outcome(minted.keyId, toBase64Url(sealed))).toBe("session-invalid");
  });
});
