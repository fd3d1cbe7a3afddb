/** How a text field is cut into terms. It is fixed when the field is made: terms of two settings do not meet. */
export interface AnalyzerSettings {
  /** "none" or one of `TEXT_LANGUAGES`. */
  readonly language: string;
  /** Whether words are reduced to their stems; without effect in the language "none". */
  readonly stemming: boolean;
  /** Whether the language's most common words are left out. */
  readonly stopWords: boolean;
  /** Whether letters lose their accents: "café" is "cafe". Absent: no. */
  readonly asciiFolding?: boolean;
}

/** How a text field is indexed and ranked. */
export interface TextFieldSettings extends AnalyzerSettings {
  /** Factor of the field's score where a query names no other. */
  readonly weight: number;
  /** How soon more of the same term stops counting, 0 to 10. */
  readonly k1: number;
  /** How much long texts are held back, 0 to 1. */
  readonly b: number;
}
