/** Letters without a decomposition that are nevertheless Latin letters with something on them, lower case. */
const PLAIN_LETTERS: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  đ: "d",
  ð: "d",
  ħ: "h",
  ı: "i",
  ł: "l",
  þ: "th",
  ŧ: "t",
};
const LATIN_AND_MARKS = /^(?:[\p{ASCII}\u0080-\u024f\u1e00-\u1eff]|[\u0300-\u036f])+$/u;
const NON_ASCII = /\P{ASCII}/u;

/** The lower-case word with Latin letters as ASCII. Words of other scripts stay: their marks are part of their spelling. */
export function foldToAscii(word: string): string {
  if (!NON_ASCII.test(word) || !LATIN_AND_MARKS.test(word)) return word;
  return word
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[ßæœøđðħıłþŧ]/g, (letter) => PLAIN_LETTERS[letter] ?? letter);
}

/** Lower case, the same for every way to write a word: the Greek final sigma is a sigma, and Turkish has two letters i. */
export function lowerCase(word: string, language: string): string {
  const turkish = language === "turkish" ? word.replaceAll("İ", "i").replaceAll("I", "ı") : word;
  return turkish.toLowerCase().replaceAll("ς", "σ");
}
