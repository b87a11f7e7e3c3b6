import { DomainError } from '#lib/core/errors.ts'
import { agentLayer, type AgentLayer } from '#lib/registry/schema.ts'
import type { FoundDefinition } from '#lib/registry/schema/unregistered.ts'
import { templateOfSystem } from '#lib/templates/rules.ts'

/**
 * What of a found agent's prompt goes into the team's part of ours: all of it, in characters that a layer takes. Nothing of one that a
 * template of ours was rendered to, since the template says that again.
 */
export function carriedPrompt({ system }: FoundDefinition): string {
  if (templateOfSystem(system)) return ''
  return system
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[^\P{Cc}\n\t]|\p{Cs}/gu, '')
    .trim()
}

/** The layer of a version that goes on from what was found. Throws `invalid` when the prompt is longer than a layer may be: nothing is cut unasked. */
export function carriedLayer(definition: FoundDefinition | null): AgentLayer {
  const layer = { prompt: definition ? carriedPrompt(definition) : '', parameters: {} }
  if (agentLayer.safeParse(layer).success) return layer
  const message = `Its prompt at Claude has ${layer.prompt.length.toLocaleString('en-US')} characters, and a team’s part takes 20,000: send the part that is to stay, as layer.prompt.`
  throw new DomainError('invalid', message, { field: 'layer.prompt', rule: 'registry:prompt_too_long' })
}
