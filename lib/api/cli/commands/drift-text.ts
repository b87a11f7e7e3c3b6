import type { TemplateDrift } from '#lib/lifecycle/schema/drift.ts'
import { count, oneLine, plain } from '../text.ts'

/** What `agents drift` says: how far behind, what was published since, and the lines that would change. */
export function driftText({ template, current, newest, behind, versions, diff, problem }: TemplateDrift): string {
  if (versions.length === 0) return `${plain(template.id)} ${plain(current)} is the newest version.`
  return [
    `${plain(template.id)} ${plain(current)}: ${count(versions.length, 'version')} behind ${plain(newest)} (${behind}).`,
    '',
    ...versions.flatMap(({ version, changes }) => [
      plain(version),
      ...indented(changes || 'No word in the changelog.'),
    ]),
    '',
    ...(diff === null
      ? [`It cannot be moved as it is: ${oneLine(problem ?? '')}`]
      : diff.length === 0
        ? ['What Claude is given stays the same.']
        : diff.map((line) => plain(line))),
  ].join('\n')
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => `  ${oneLine(line)}`)
}
