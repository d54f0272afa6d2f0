/** Hands a mail in over HTTP and waits for what becomes of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PostlaneClient } from '../../src/client/index.ts';

const client = new PostlaneClient({
  url: process.env.POSTLANE_URL ?? 'http://127.0.0.1:8025',
  apiKey: process.env.POSTLANE_KEY ?? '',
});

// Settles when every in-sync replica has it. Repeated under the same key, it is sent once.
const { id } = await client.send(
  {
    type: 'transactional',
    recipient: 'ada@inbox.example',
    payload: { from: 'The Shop <orders@shop.example>', subject: 'Your order 4711', text: 'Thank you.' },
    metadata: { order: '4711' },
  },
  { idempotencyKey: `order-4711-${new Date().toISOString().slice(0, 10)}` },
);
console.log('accepted', id);

for (let look = 0; look < 150; look++) {
  const trail = await client.get(id);
  if (trail !== null && trail.waiting === null) {
    const end = trail.events.at(-1);
    console.log(trail.state, end?.smtpCode, end?.reply);
    break;
  }
  await sleep(200);
}
