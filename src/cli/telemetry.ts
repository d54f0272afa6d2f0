import type { LogConfig, LogLevel } from '../config/types.ts';
import type { Telemetry } from '../runtime/ports.ts';

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };

/** Telemetry that writes one JSON object per log line and keeps no metrics. */
export function lineTelemetry(config: LogConfig, write: (line: string) => void): Telemetry {
  const threshold = SEVERITY[config.level];
  return {
    count: () => undefined,
    gauge: () => undefined,
    observe: () => undefined,
    log: (level, message, facts) => {
      if (SEVERITY[level] < threshold) return;
      write(JSON.stringify({ time: new Date().toISOString(), level, message, ...facts }));
    },
  };
}
