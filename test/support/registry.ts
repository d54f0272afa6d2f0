/**
 * Registers a schema under a subject that has no compatibility rule, as some other team's producer would; answers its id.
 * Production never does: there, schemas are registered by `postlane schemas apply`.
 */
export async function registerUnchecked(url: string, subject: string, schema: string): Promise<number> {
  const response = await fetch(`${url}/subjects/${encodeURIComponent(subject)}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema, schemaType: 'AVRO' }),
  });
  const body = (await response.json()) as { id?: number };
  if (typeof body.id !== 'number') throw new Error(`registry answered ${response.status}: ${JSON.stringify(body)}`);
  return body.id;
}
