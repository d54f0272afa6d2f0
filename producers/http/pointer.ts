import type { TemplatedFault } from '../../src/domain/template.ts';

const NAME_LENGTH_MAX = 128;

/** A name as a part of a JSON pointer (RFC 6901), cut short where it is long. */
export const pointer = (name: string): string =>
  name.slice(0, NAME_LENGTH_MAX).replaceAll('~', '~0').replaceAll('/', '~1');

/** Where merge data does not fit, as a JSON pointer into a request that has it under `mergeData`. */
export const mergeFieldOf = ({ field }: Pick<TemplatedFault, 'field'>): string => {
  if (field.startsWith('mergeData.')) return `/mergeData/${pointer(field.slice('mergeData.'.length))}`;
  return field === 'templateId' || field === 'templateVersion' ? `/${field}` : '/mergeData';
};

/** The template's field comes first where the merge data as a whole makes something wrong of it. */
export const mergeDetailOf = ({ field, detail }: Pick<TemplatedFault, 'field' | 'detail'>): string =>
  /^(?:mergeData|templateId|templateVersion)/.test(field) ? detail : `${field}: ${detail}`;
