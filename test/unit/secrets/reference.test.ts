import { parseSecretReference, shownReference } from '../../../src/domain/secret-reference.ts';

it.each([
  ['file:/run/secrets/relay password', { scheme: 'file', name: '/run/secrets/relay password', field: null }],
  ['env:RELAY_PASSWORD', { scheme: 'env', name: 'RELAY_PASSWORD', field: null }],
  [
    'vault:secret/relay#password',
    { scheme: 'vault', name: 'secret/relay', field: 'password', document: 'vault:secret/relay' },
  ],
  ['vault:team%2Fkv/mail/relay', { scheme: 'vault', name: 'team%2Fkv/mail/relay', field: null }],
  [
    'vault:kv/relay?version=3#pass',
    { pinned: { by: 'version', value: '3' }, field: 'pass', document: 'vault:kv/relay?version=3' },
  ],
  ['aws-sm:mail/relay', { scheme: 'aws-sm', name: 'mail/relay', pinned: null, field: null }],
  ['aws-sm:mail/relay?stage=AWSPENDING#password', { pinned: { by: 'stage', value: 'AWSPENDING' }, field: 'password' }],
  [
    'aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:mail/relay-AbCdEf#user',
    { name: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:mail/relay-AbCdEf', field: 'user' },
  ],
])('reads %s', (text, wanted) => {
  expect(parseSecretReference(text)).toMatchObject(wanted);
  expect(shownReference(text)).toBe(text);
});

it.each([
  'hunter2',
  'vault:relay',
  'vault:kv/relay?version=0',
  'vault:kv/../../sys/seal?x=1',
  'env:1PASSWORD',
  'env:A B',
  'aws-sm:a b',
  'file:',
  'https://user:pass@vault/',
  '',
])('takes %j for no reference, and does not repeat it', (text) => {
  expect(parseSecretReference(text)).toBeNull();
  expect(shownReference(text)).toBe('(not shown)');
});
