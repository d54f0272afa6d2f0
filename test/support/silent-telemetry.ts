import type { Telemetry } from '../../src/runtime/ports.ts';

export const silentTelemetry: Telemetry = {
  count: () => undefined,
  gauge: () => undefined,
  observe: () => undefined,
  log: () => undefined,
};
