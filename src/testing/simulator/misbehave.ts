import { type Behaviour, writeReply } from './behaviour.ts';
import type { Wire } from './wire.ts';

/** No reply code, octets above 127 and a NUL: nothing that a client could take for an answer. */
export const GARBAGE = '\0\xff\xfe not an answer \x80\r\n';

/**
 * Does what a behaviour says where `friendly` would be the answer. Answers true where the conversation goes on as if
 * `friendly` had been said. What follows a `false` depends on what was said: a refusal, or nothing ever again.
 */
export function perform(wire: Wire, behaviour: Behaviour, friendly: string): boolean {
  switch (behaviour.kind) {
    case 'refuse':
      wire.say(writeReply(behaviour.reply));
      if (behaviour.reply.code === 421) wire.end();
      return false;
    case 'hang':
      if (behaviour.stage === 'body') wire.stall();
      else wire.hang();
      return false;
    case 'cut':
      if (behaviour.half) wire.say(friendly.slice(0, friendly.length >> 1));
      if (behaviour.reset) wire.reset();
      else wire.cut();
      return false;
    case 'slow':
      wire.sayLater(friendly, behaviour.delayMs);
      return true;
    case 'tarpit':
      wire.trickle(friendly, behaviour.octetMs);
      return true;
    case 'long': {
      const { reply } = behaviour;
      wire.say(padded(reply === null ? friendly : writeReply(reply), behaviour.lineBytes));
      if (reply?.code === 421) wire.end();
      return reply === null;
    }
    case 'garbage':
      wire.say(GARBAGE);
      return false;
    case 'limit':
    case 'refuse-connections':
      return true; // a matter of counting, and of listening
  }
}

/** What is counted about it: the reply's code, or what was done instead. */
export function labelOf(behaviour: Behaviour): string {
  if (behaviour.kind === 'refuse') return String(behaviour.reply.code);
  return behaviour.kind === 'long' && behaviour.reply !== null ? String(behaviour.reply.code) : behaviour.kind;
}

/** True where the message is taken although, or because, the server behaves like this at the final dot. */
export function takesMessage(behaviour: Behaviour): boolean {
  switch (behaviour.kind) {
    case 'refuse':
    case 'garbage':
      return false;
    case 'hang':
    case 'cut':
      return behaviour.taken;
    case 'long':
      return behaviour.reply === null;
    default:
      return true;
  }
}

/** Makes the last line of a reply `bytes` long with its CRLF. */
function padded(reply: string, bytes: number): string {
  const last = reply.lastIndexOf('\r\n', reply.length - 3) + 2;
  const lineStart = last < 2 ? 0 : last;
  const missing = bytes - (reply.length - lineStart);
  return missing <= 0 ? reply : `${reply.slice(0, -2)}${'x'.repeat(missing)}\r\n`;
}
