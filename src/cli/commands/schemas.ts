import type { Command } from 'commander';
import type { Config } from '../../config/types.ts';
import type { TopicSpec } from '../../contracts/catalog.ts';
import {
  applySchemas,
  COMPATIBILITY,
  checkSubjects,
  isCurrent,
  type SubjectReport,
} from '../../registry/schema-admin.ts';
import { catalogOf, configsOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';

interface SchemasOptions {
  readonly config?: string;
  readonly json?: true;
}

const EXIT_INCOMPATIBLE = 1;
const EXIT_PENDING = 2;

/** `postlane schemas check` and `apply`: the registry's subjects against schemas/. */
export function register(program: Command, context: CliContext): void {
  const command = program.command('schemas').summary('compare the schema registry with schemas/, and register them');
  command
    .command('check')
    .summary('show what apply would do')
    .description(
      'Compares the subject of every topic with its schema, and changes nothing. Ends with 0 where all are registered, 2 ' +
        'where `schemas apply` has something to do, and 1 where a schema may not follow what is registered.',
    )
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'as one JSON object')
    .action(async (options: SchemasOptions) => {
      const reports = await inEveryRegion(context, options, ({ registry }, catalog) =>
        checkSubjects(registry.url, catalog),
      );
      context.print(options.json ? `${JSON.stringify({ subjects: reports })}\n` : reportText(reports));
      const broken = reports.some((report) => report.incompatibility !== null);
      context.setExitStatus(broken ? EXIT_INCOMPATIBLE : reports.every(isCurrent) ? 0 : EXIT_PENDING);
    });
  command
    .command('apply')
    .summary('register what is not registered')
    .description(
      `Sets the compatibility of every subject to ${COMPATIBILITY} and registers the schemas that are not registered. Where ` +
        'one may not follow what is registered, nothing is touched. Roles never register anything themselves.',
    )
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'what was found before, as one JSON object')
    .action(async (options: SchemasOptions) => {
      const reports = await inEveryRegion(context, options, ({ registry }, catalog) =>
        applySchemas(registry.url, catalog, context.tell),
      );
      context.print(options.json ? `${JSON.stringify({ subjects: reports })}\n` : appliedText(reports));
    });
}

/** The reports of every region, each of its own registry; without regions of the only one. */
async function inEveryRegion(
  context: CliContext,
  options: SchemasOptions,
  work: (config: Config, catalog: readonly TopicSpec[]) => Promise<readonly SubjectReport[]>,
): Promise<readonly SubjectReport[]> {
  const reports: SubjectReport[] = [];
  for (const config of configsOf(context, options.config)) reports.push(...(await work(config, catalogOf(config))));
  return reports;
}

/** One line per subject that is not as it should be. */
export function reportText(reports: readonly SubjectReport[]): string {
  const lines = reports.flatMap((report) => {
    const { subject, schema, incompatibility, compatibility, id } = report;
    if (incompatibility !== null) return [`refuse   ${subject}: ${incompatibility}`];
    return [
      ...(id === null ? [`register ${subject}: ${schema}`] : []),
      ...(compatibility === COMPATIBILITY
        ? []
        : [`set      ${subject}: ${compatibility ?? '(unset)'} → ${COMPATIBILITY}`]),
    ];
  });
  return lines.length === 0 ? 'every schema is registered\n' : lines.map((line) => `${line}\n`).join('');
}

const appliedText = (before: readonly SubjectReport[]): string => {
  const done = before.filter((report) => !isCurrent(report)).length;
  return `${done === 0 ? 'every schema was registered' : `${done} of ${before.length} subjects registered`}\n`;
};
