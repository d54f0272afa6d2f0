import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Environment } from '../../config/environment.ts';
import { PostlaneError } from '../../domain/error.ts';

const TOOL_TIMEOUT_MS = 30_000;
const JAVA_VERSION_MIN = 17;

/** What a command prints on both outputs; `undefined` where it does not exist or fails. */
export async function output(
  command: string,
  args: readonly string[],
  environment: Environment,
  timeoutMs = TOOL_TIMEOUT_MS,
): Promise<string | undefined> {
  try {
    const options = { env: { ...environment }, timeout: timeoutMs, killSignal: 'SIGKILL' as const };
    const { stdout, stderr } = await promisify(execFile)(command, [...args], options);
    return `${stdout}${stderr}`;
  } catch {
    return undefined;
  }
}

/** The Java to run; the one of JAVA_HOME before the one on the path. Throws INFRA_UNAVAILABLE where it is missing or older than 17. */
export async function findJava(environment: Environment): Promise<string> {
  const home = environment.JAVA_HOME;
  const command = home ? join(home, 'bin', 'java') : 'java';
  const text = await output(command, ['-version'], environment);
  const major = Number(/version "(\d+)/.exec(text ?? '')?.[1] ?? 0);
  if (major >= JAVA_VERSION_MIN) return command;
  throw new PostlaneError('INFRA_UNAVAILABLE', {
    what: `Java ${JAVA_VERSION_MIN} or newer`,
    found: text?.split('\n')[0] ?? 'none',
    hint: 'install a JDK and Maven, start Docker, or give KAFKA_BROKERS and SCHEMA_REGISTRY_URL',
  });
}

/** Whether `redis-server` is installed. */
export async function hasRedis(environment: Environment): Promise<boolean> {
  return (await output('redis-server', ['--version'], environment)) !== undefined;
}
