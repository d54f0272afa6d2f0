import type { Schema } from 'avsc';
import avsc from 'avsc';

/**
 * Why one of two schemas cannot read what the other writes; null where each reads the other. This is what the registry
 * checks under FULL compatibility, but does only where that is set, and it does not say why.
 */
export function incompatibility(ours: string, theirs: string): string | null {
  return (
    cannotRead(ours, theirs, 'the new schema cannot read the old') ??
    cannotRead(theirs, ours, 'the old schema cannot read the new')
  );
}

function cannotRead(reader: string, writer: string, what: string): string | null {
  try {
    const typeOf = (text: string) => avsc.Type.forSchema(JSON.parse(text) as Schema);
    typeOf(reader).createResolver(typeOf(writer));
    return null;
  } catch (error) {
    return `${what}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
