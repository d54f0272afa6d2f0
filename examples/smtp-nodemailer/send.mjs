/** Hands in a mail with an attachment by SMTP, with Nodemailer. */
import { readFileSync } from 'node:fs';
import nodemailer from 'nodemailer';

const { POSTLANE_SMTP = '127.0.0.1:2587', POSTLANE_SMTP_CERTIFICATE, POSTLANE_KEY } = process.env;
const [host, port] = POSTLANE_SMTP.split(':');

const transport = nodemailer.createTransport({
  host,
  port: Number(port),
  requireTLS: true,
  // The certificate of `npm start` is of its own making. One that is configured needs no such line.
  ...(POSTLANE_SMTP_CERTIFICATE && { tls: { ca: readFileSync(POSTLANE_SMTP_CERTIFICATE) } }),
  auth: { user: 'postlane', pass: POSTLANE_KEY },
});

const { response } = await transport.sendMail({
  from: 'The Shop <orders@shop.example>',
  to: 'ada@inbox.example',
  subject: 'Your order 4711',
  text: 'Thank you. Your bill is attached.',
  html: '<p>Thank you. Your bill is attached.</p>',
  attachments: [{ filename: 'bill.csv', content: 'article,price\r\nteapot,20.00\r\n' }],
  headers: {
    'X-Postlane-Type': 'transactional',
    'X-Postlane-Tag': 'order',
    'X-Postlane-Metadata': 'order=4711',
    // Handed in again, also after a reply that got lost, it is sent once.
    'X-Postlane-Idempotency-Key': `order-4711-${new Date().toISOString().slice(0, 10)}`,
  },
});
console.log(response);
transport.close();
