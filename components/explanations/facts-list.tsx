import Link from 'next/link'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Money } from '#components/ui/money.tsx'
import { paths } from '#lib/core/paths.ts'
import type { ExplainedFacts } from '#lib/guardrails/schema/explanation.ts'
import { factWords } from './fact-words.ts'

/** The facts that mattered to a decision. */
export function FactsList({ facts }: { facts: ExplainedFacts }) {
  const shown = Object.entries(facts).filter(([, value]) => value !== null && value !== '')
  if (shown.length === 0) return <p className="text-sm text-muted-foreground">None is on record.</p>
  return (
    <Facts>
      {shown.map(([name, value]) => (
        <Fact key={name} label={factWords[name] ?? name}>
          <FactValue name={name} value={value!} />
        </Fact>
      ))}
    </Facts>
  )
}

function FactValue({ name, value }: { name: string; value: string | number | boolean }) {
  if (name === 'run' && typeof value === 'string') {
    return (
      <Link href={paths.run(value)} className="font-mono text-xs break-all underline underline-offset-2">
        {value}
      </Link>
    )
  }
  if (typeof value === 'string' && name.endsWith('Micros')) return <Money micros={value} />
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return value.toLocaleString('en')
  return <span className="break-words">{value}</span>
}
