/** The languages that have a stemmer and stop words. */
export const TEXT_LANGUAGES = [
  "danish",
  "dutch",
  "english",
  "finnish",
  "french",
  "german",
  "hungarian",
  "italian",
  "norwegian",
  "portuguese",
  "romanian",
  "russian",
  "spanish",
  "swedish",
  "turkish",
] as const;

export type TextLanguage = (typeof TEXT_LANGUAGES)[number];

export function isTextLanguage(name: string): name is TextLanguage {
  return (TEXT_LANGUAGES as readonly string[]).includes(name);
}
