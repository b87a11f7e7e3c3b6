import { Fact, Facts } from '#components/ui/facts.tsx'
import type { FoundDefinition } from '#lib/registry/schema/unregistered.ts'

/** What an agent at Claude was made of, before it was registered. */
export function FoundDefinitionFacts({ definition }: { definition: FoundDefinition }) {
  const { description, model, system, tools, mcpServers, skills } = definition
  const list = (items: readonly string[]) => (items.length > 0 ? <bdi>{items.join(', ')}</bdi> : 'none')
  return (
    <>
      <Facts>
        {description && (
          <Fact label="Description">
            <bdi>{description}</bdi>
          </Fact>
        )}
        <Fact label="Model">{model || 'not said'}</Fact>
        <Fact label="Tools">{list(tools)}</Fact>
        <Fact label="MCP servers">{list(mcpServers.map(({ name, url }) => `${name} (${url})`))}</Fact>
        <Fact label="Skills">{list(skills)}</Fact>
      </Facts>
      <h3 className="mt-4 mb-1 text-sm font-medium">Its prompt</h3>
      <pre
        tabIndex={0}
        dir="auto"
        className="max-h-96 overflow-auto rounded-md bg-muted p-3 font-mono text-xs whitespace-pre-wrap"
      >
        {system || '(none)'}
      </pre>
    </>
  )
}
