import type { ExplainedPart, QueryExplanation } from '#lib/registry/schema.ts'
import { oneLine, plain } from '../text.ts'

/** An explanation as indented lines: + holds, - does not. */
export function explanationText({ agent, matches, parts }: QueryExplanation): string {
  return [
    `${plain(agent.id)} ${matches ? 'matches' : 'does not match'}.`,
    ...parts.flatMap((part) => lines(part, 1)),
  ].join('\n')
}

function lines({ text, matches, because, parts = [] }: ExplainedPart, depth: number): string[] {
  const line = `${'  '.repeat(depth)}${matches ? '+' : '-'} ${oneLine(text)}: ${oneLine(because)}`
  return [line, ...parts.flatMap((part) => lines(part, depth + 1))]
}
