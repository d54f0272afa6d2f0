import { writeFileSync } from 'node:fs';
import { differences, histories, isRecorded, lastTables, linesOf, refold, tablesFile, versionOf } from './history.ts';

/**
 * `npm run record:histories`: records what the rules of this version fold the histories into, and shows what they fold
 * otherwise than the version before. Tables of a version that are recorded already are never written over.
 */
const version = versionOf();
for (const history of histories()) {
  if (isRecorded(history, version)) {
    console.log(`${history}: version ${version} is recorded`);
    continue;
  }
  const last = lastTables(history);
  const rows = await refold(history);
  writeFileSync(tablesFile(history, version), `${rows.join('\n')}\n`);
  const changes = last === null ? [] : differences(linesOf(last), rows);
  console.log([`${history}: recorded ${rows.length} rows of version ${version}`, ...changes].join('\n'));
}
