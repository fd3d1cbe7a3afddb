/** XML out. Keys may hold any character, so everything is escaped here and nowhere else. */

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
export const S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must be escaped.
const UNSAFE = /[&<>"'\u0000-\u001f\u007f-\u009f\u2028\ufffe\uffff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must be escaped.
const ALL_UNSAFE = /[&<>"'\u0000-\u001f\u007f-\u009f\u2028\ufffe\uffff]/g;

const NAMED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/**
 * Text of an element. A carriage return is written as a reference, or parsers would read a line feed. Control characters that XML 1.0 cannot
 * hold are written as references too, as S3 does: clients that must have such keys ask for encoding-type=url.
 */
export function escapeXml(text: string): string {
  return UNSAFE.test(text) ? text.replace(ALL_UNSAFE, escapeCharacter) : text;
}

function escapeCharacter(character: string): string {
  return NAMED[character] ?? `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`;
}

/** Builds one document. Element names are constants of the renderers; values are escaped. */
export class XmlWriter {
  #text: string;
  readonly #root: string;

  constructor(root: string, namespace?: string) {
    this.#root = root;
    this.#text = `${DECLARATION}<${root}${namespace === undefined ? "" : ` xmlns="${namespace}"`}>`;
  }

  /** `<name>value</name>`; nothing for undefined. */
  leaf(name: string, value: string | number | boolean | undefined): this {
    if (value === undefined) return this;
    const text = typeof value === "string" ? escapeXml(value) : String(value);
    this.#text += `<${name}>${text}</${name}>`;
    return this;
  }

  /** An element with what `inside` writes. `attributes` is a constant of the renderer too. */
  element(name: string, inside: () => void, attributes?: string): this {
    this.#text += attributes === undefined ? `<${name}>` : `<${name} ${attributes}>`;
    inside();
    this.#text += `</${name}>`;
    return this;
  }

  /** Text of the root itself. */
  text(value: string): this {
    this.#text += escapeXml(value);
    return this;
  }

  end(): string {
    return `${this.#text}</${this.#root}>`;
  }
}
