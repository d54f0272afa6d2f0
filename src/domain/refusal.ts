import type { Refusal } from './classification.ts';
import { readReply } from './reply.ts';

const WRITTEN = /^[ \t]*(?:([2-5]\d\d)(?:[ -]|$))?[ \t]*(?:([245]\.\d{1,3}\.\d{1,3})(?:[ \t]|$))?(.*)$/s;

/** Reads a reply as people write it: `550 5.1.1 User unknown`, with the code, the enhanced code or both left out. */
export function readRefusal(written: string, stage: string | null = null): Refusal {
  const [, code, enhanced, text = ''] = WRITTEN.exec(written) as RegExpExecArray;
  const reply = readReply(Number(code ?? 0), [text]);
  return { smtpCode: code ? Number(code) : null, enhancedCode: enhanced ?? null, text: reply.text, stage };
}
