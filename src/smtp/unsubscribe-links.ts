import type { EmailJob } from '../contracts/generated.ts';
import { isEmailType } from '../domain/job.ts';
import { packLink, type UnsubscribeLink, unpackLink } from '../domain/unsubscribe.ts';
import { SealedTokens } from './sealed-tokens.ts';

/** Longer ones are none of ours. */
const TOKEN_LENGTH_MAX = 800;

/** Makes unsubscribe links, and reads its own. */
export class UnsubscribeLinks {
  private readonly baseUrl: string;
  private readonly tokens: SealedTokens;

  /** The first key makes links; all of them read, because mails are kept for years. */
  constructor(baseUrl: string, keys: readonly Uint8Array[]) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.tokens = new SealedTokens('unsubscribe link', keys, TOKEN_LENGTH_MAX);
  }

  /** Path of the links, without what comes behind it. */
  get path(): string {
    return new URL(this.baseUrl).pathname.replace(/\/+$/, '');
  }

  /** The link for a job; null where its names are too long for one. */
  linkOf({ id, tenant, type, recipient }: Pick<EmailJob, 'id' | 'tenant' | 'type' | 'recipient'>): string | null {
    if (!isEmailType(type)) return null;
    const token = this.tokenFor({ tenant, type, recipient, jobId: id });
    return token === null ? null : `${this.baseUrl}/${token}`;
  }

  tokenFor(link: UnsubscribeLink): string | null {
    const content = packLink(link);
    return content === null ? null : this.tokens.seal(content);
  }

  /** What a token says; null where we did not make it. */
  read(token: string): UnsubscribeLink | null {
    const content = this.tokens.open(token);
    return content === null ? null : unpackLink(content);
  }
}
