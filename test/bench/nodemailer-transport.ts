import nodemailer from 'nodemailer';
import { SENDER_DOMAIN } from './mails.ts';

/** What the arms with nodemailer are told. */
export interface TransportSettings {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly mailsPerConnection: number;
  readonly selector: string;
  readonly privateKey: string;
}

/** nodemailer's pool with nodemailer's own DKIM, without encryption. */
export const transportOf = (settings: TransportSettings) =>
  nodemailer.createTransport({
    pool: true,
    host: settings.host,
    port: settings.port,
    secure: false,
    ignoreTLS: true,
    maxConnections: settings.connections,
    maxMessages: settings.mailsPerConnection,
    dkim: { domainName: SENDER_DOMAIN, keySelector: settings.selector, privateKey: settings.privateKey },
    disableFileAccess: true,
    disableUrlAccess: true,
  });

/** What the process of an arm is asked: send so many. */
export interface SendRequest {
  readonly run: string;
  readonly count: number;
}

export interface SendAnswer {
  readonly startedAt: number;
}
