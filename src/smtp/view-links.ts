import { packView, unpackView, type ViewLink } from '../domain/view-link.ts';
import { SealedTokens } from './sealed-tokens.ts';

/** Longer ones are none of ours. */
const TOKEN_LENGTH_MAX = 2_000;

/**
 * Makes the links under which a mail that was made of a template can be seen in a browser, and reads its own. The link is all that
 * is kept of a mail: what it was made of is in it, sealed.
 */
export class ViewLinks {
  private readonly baseUrl: string;
  private readonly tokens: SealedTokens;

  /** `baseUrl` as of unsubscribe links, and their keys; the first key makes links, all of them read. */
  constructor(baseUrl: string, keys: readonly Uint8Array[]) {
    this.baseUrl = `${baseUrl.replace(/\/+$/, '')}/view`;
    this.tokens = new SealedTokens('view link', keys, TOKEN_LENGTH_MAX);
  }

  /** Path of the links, without what comes behind it. */
  get path(): string {
    return new URL(this.baseUrl).pathname;
  }

  /** The link for a job that names a template; null where its merge data are too long for one. */
  linkOf(job: ViewLink): string | null {
    const content = packView(job);
    return content === null ? null : `${this.baseUrl}/${this.tokens.seal(content)}`;
  }

  /** What a token says; null where we did not make it. */
  read(token: string): ViewLink | null {
    const content = this.tokens.open(token);
    return content === null ? null : unpackView(content);
  }
}
