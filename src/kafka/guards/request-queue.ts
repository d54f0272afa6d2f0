import { type Guard, guardedClass } from './guard.ts';

/** How soon requests that wait for others are looked at again; the answers of those others look first. */
const CHECK_MS = 10;

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

/**
 * Sets the timer that looks at waiting requests only while requests wait. kafkajs sets it after every answer, with a
 * negative delay, and its callback sets the next: every idle connection wakes up each millisecond for ever, and newer
 * versions of Node warn of it (TimeoutNegativeWarning).
 */
function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId || this.pending.length === 0) return;
  const throttledForMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttledForMs > 0 ? throttledForMs : CHECK_MS,
  );
}

export const requestQueue: Guard = {
  name: 'request-queue',
  path: 'network/requestQueue',
  wrap: (original: { prototype: object }) =>
    guardedClass('request-queue', original, {
      scheduleCheckPendingRequests: () => scheduleCheckPendingRequests,
    }),
};
