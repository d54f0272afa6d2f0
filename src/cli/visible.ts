/**
 * Text that may be shown on a terminal: without what would move its cursor, change its colours or end the line. Replies are
 * written by strangers, and so are files.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it takes out
export const visible = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
