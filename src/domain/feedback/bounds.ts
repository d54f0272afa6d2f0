/** Of a mail or a webhook's body that is kept: a record of email.feedback with it fits its topic (topics.yaml, `record`). */
export const FEEDBACK_BODY_BYTES_MAX = 900_000;
