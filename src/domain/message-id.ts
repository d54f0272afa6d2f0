/** Characters of the digest that a Message-ID carries: 130 bits in base 32. */
export const MESSAGE_ID_DIGEST_LENGTH = 26;

/**
 * What is hashed into a job's Message-ID. The same job always gets the same one, so that a second copy can be recognised
 * as one by whoever receives both.
 */
export const messageIdInput = (tenant: string, jobId: string): string => `message-id\u0000${tenant}\u0000${jobId}`;

/** The Message-ID (RFC 5322 section 3.6.4) under the sender's domain, with its angle brackets. `digest` is base 32. */
export const messageIdOf = (digest: string, domain: string): string =>
  `<${digest.slice(0, MESSAGE_ID_DIGEST_LENGTH)}@${domain}>`;
