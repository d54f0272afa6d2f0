import { join, resolve } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';
import { dockerAnswers, dockerProvider } from './docker.ts';
import { type GivenAddresses, givenProvider } from './given.ts';
import { nativeProvider } from './native.ts';
import type { InfraProvider, ProviderName } from './provider.ts';

export interface ChooseOptions {
  /** What the operator asks for; absent: the first that is there of given, docker, native. */
  readonly name?: ProviderName;
  readonly given: GivenAddresses;
  /** What is handed on to the processes that are started. */
  readonly environment: Environment;
  readonly dataDirectory: string;
  /** Default `<working directory>/.postlane/downloads`, so that every data directory shares it. */
  readonly downloadsDirectory?: string;
  /** Brokers; 3 is for tests that lose one, and native only. Default 1. */
  readonly nodes?: 1 | 3;
}

/** The provider to start: addresses given, else Docker where an engine answers within five seconds, else native processes. */
export async function chooseProvider(options: ChooseOptions): Promise<InfraProvider> {
  const { environment, nodes = 1 } = options;
  const name = options.name ?? (await firstThere(options));
  // Relative paths would mean something else to a process that works in another directory.
  const dataDirectory = resolve(options.dataDirectory);
  switch (name) {
    case 'given':
      return givenProvider(options.given);
    case 'docker':
      if (nodes !== 1) throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'several brokers in containers' });
      return dockerProvider({ dataDirectory, environment });
    case 'native': {
      const downloadsDirectory = resolve(options.downloadsDirectory ?? join('.postlane', 'downloads'));
      return nativeProvider({ dataDirectory, downloadsDirectory, environment, nodes });
    }
  }
}

async function firstThere(options: ChooseOptions): Promise<ProviderName> {
  if (options.given.brokers || options.given.schemaRegistryUrl) return 'given';
  if (options.nodes !== 3 && (await dockerAnswers(options.environment))) return 'docker';
  return 'native';
}
