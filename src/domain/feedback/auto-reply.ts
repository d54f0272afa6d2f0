import { hasHeader, headerOf, type Mail } from './mail.ts';

/** Subjects of people who are away, of machines that confirm, and of receipts; in the languages that mail is written in. */
const AWAY_SUBJECT =
  /^(?:(?:re|aw|sv|antw|fwd?|auto|automatic)\s*:\s*)*[[("'<*\s]*(?:[^:]{0,60}\b(?:is|am|are|will be) (?:currently )?(?:out of|away from) (?:the |my )?office|auto(?:matic|mated)?[ -]?(?:reply|response|respon[ds]er|answer|acknowledge?ment)|auto(?:matische?|matisk[at]?)?[ -]?(?:antwort|antwoord|svar|beantwortung|odpowied)|out[ -]?of[ -]?(?:the[ -]?)?office|ooo\b|on (?:vacation|holiday|leave|annual leave|parental leave|maternity leave)|away from (?:my|the) (?:mail|desk|office|email)|i(?:'m| am) (?:away|on|out|currently)|vacation|holiday|abwesend|abwesenheit|urlaub|nicht im (?:büro|haus)|r[ée]ponse (?:automatique|d'absence)|absence|absent|en cong[ée]s|message d'absence|respuesta autom|fuera de (?:la )?oficina|risposta automatica|fuori (?:sede|ufficio)|resposta autom|fora do escrit|afwezig|automaattinen vastaus|poissa|frånvar|fravær|ikke til ?stede|automatick[áý]|automatyczna|nieobecno|автоответ|автоматический ответ|отпуск|自動(?:応答|返信)|不在|自动(?:回复|答复)|自動(?:回覆|回復)|休暇|부재|자동 ?(?:응답|회신)|odpowied[źz] automatyczna|otomatik (?:yan[ıi]t|cevap)|automatikus válasz|răspuns automat|αυτόματη απάντηση|automatski odgovor|samodejni odgovor|автоматич(?:на|ен) |automatinis atsakymas|automātiskā atbilde|automaatvastus|balasan otomatis|trả lời tự động|ตอบกลับอัตโนมัติ|(?:תשובה|תגובה|מענה) אוטומטי|رد تلقائي|resposta automàtica|assenza|ausencia|ausência|távollét|dovolen)/iu;
const CHALLENGE =
  /(?:please (?:confirm|verify) (?:your|that|you)|confirm(?:ation)? (?:your|that your|of your) (?:message|e?-?mail)|verify (?:your|that you)|action required (?:to deliver|for your)|click (?:here|the link|on the link|below|on this link).{0,80}(?:deliver|confirm|verify|approve|human)|reply to this (?:message|e?-?mail).{0,80}(?:deliver|confirm|release)|(?:challenge|sender verification|spam ?(?:arrest|blocker)|boxtrapper|tmda|mailblocks|qconfirm|spamcop challenge|white ?list (?:request|confirmation)|wait-?listed|guest ?list)|(?:your|this) (?:message|e?-?mail).{0,60}(?:is being held|has been held|awaits|is waiting|held (?:pending|until))|(?:approved|allowed|known|authori[sz]ed) senders?|senders? (?:that |who(?:m)? )?i have approved|requires? (?:your )?(?:confirmation|verification|that you verify)|(?:quarantined|held|stored) until|(?:until|unless) you (?:click|confirm|reply|verify)|live human|bestätigen sie)/is;
const RECEIPT_SUBJECT =
  /^(?:read|not read|gelesen|ungelesen|lu|leído|letto|gelezen|read receipt|return receipt \(displayed\)|disposition notification|lida|lido|lest|läst|læst|luettu|přečteno|prečítané|przeczytano|olvasva|okundu|citit|прочитано|既読|開封(?:済み?|確認)?|已读|已讀|讀取|읽음)\s*[:：]/iu;
const ANSWERING_HEADERS = [
  'x-autoreply',
  'x-auto-reply',
  'x-autorespond',
  'x-autoresponder',
  'x-autoreply-from',
  'x-mail-autoreply',
  'x-vacation',
  'x-ebay-autoreply',
  'auto-reply',
  'x-amazon-auto-reply',
];

const isAuto = (mail: Mail): boolean =>
  /^auto-(?:replied|generated|notified)/i.test(headerOf(mail.headers, 'auto-submitted')) ||
  /^(?:auto_?reply|auto-reply)$/i.test(headerOf(mail.headers, 'precedence')) ||
  /\b(?:vacation|autorespond|auto-?reply)/i.test(headerOf(mail.headers, 'x-mailer')) ||
  ANSWERING_HEADERS.some((name) => hasHeader(mail.headers, name));

/** A receipt (RFC 8098): somebody's program has shown the mail, or thrown it away unread. */
export const isReceipt = ({ parts, headers }: Mail): boolean =>
  parts.some(({ type }) => type === 'message/disposition-notification') ||
  /report-type="?disposition-notification/i.test(headerOf(headers, 'content-type')) ||
  RECEIPT_SUBJECT.test(headerOf(headers, 'subject'));

/** A mail that wants its sender to do something before it is let in. */
export function isChallenge({ headers, text }: Mail): boolean {
  const subject = headerOf(headers, 'subject');
  return CHALLENGE.test(subject) || CHALLENGE.test(text.slice(0, 3_000));
}

/** An answer of a machine (RFC 3834): it says so, or its subject does. */
export function isAutoReply(mail: Mail): boolean {
  return isAuto(mail) || AWAY_SUBJECT.test(headerOf(mail.headers, 'subject'));
}
