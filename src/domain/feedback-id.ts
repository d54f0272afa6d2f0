/** A part of the field: no other characters, and never empty. */
export const feedbackPart = (text: string | null): string =>
  (text ?? '').replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 64) || 'none';

/** The value of the field Feedback-ID of a mail. `senderId` is 5 to 15 characters, always the same. */
export const feedbackIdOf = (
  mail: { readonly campaign: string | null; readonly type: string; readonly tenant: string },
  senderId: string,
): string => `${feedbackPart(mail.campaign)}:${feedbackPart(mail.type)}:${feedbackPart(mail.tenant)}:${senderId}`;
