/** What can stand in a header of HTTP, which is how most clients read what is said about an object. */

/** Source: RFC 9110, section 5.6.2 (token); what stands before it ("x-amz-meta-") is one, so that nothing is fine too. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*$/;

/** Whether a name of user metadata can be the end of a header's name. */
export function isHeaderName(name: string): boolean {
  return TOKEN.test(name);
}

/** Whether a value has no control character but tabs. What is beyond ASCII is encoded where it is sent. */
export function isHeaderText(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return false;
  }
  return true;
}
