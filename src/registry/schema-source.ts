/** Why the registry says that a schema id cannot be read under a subject. Anything else that goes wrong is transient. */
export type SchemaRefusal = 'unknown-schema' | 'wrong-subject' | 'unreadable-schema';

export type Found =
  | { readonly ok: true; readonly schema: string }
  | { readonly ok: false; readonly reason: SchemaRefusal };

/** Where writer schemas come from: a registry, or, in tests, memory. */
export interface SchemaSource {
  /**
   * The schema text of an id, if it is registered under the subject.
   * Throws REGISTRY_UNAVAILABLE for whatever may be different a moment later.
   */
  find(subject: string, id: number): Promise<Found>;
  /** The id of exactly this schema text under the subject; null where it is not registered. Throws REGISTRY_UNAVAILABLE. */
  idOf(subject: string, schema: string): Promise<number | null>;
}

/** TopicNameStrategy: the subject that the schemas of a topic's values are registered under, by its name in the cluster. */
export const subjectOf = (topic: { readonly name: string }): string => `${topic.name}-value`;
