// The words of the registry, and text that people type.
import { z } from 'zod'

export const tiers = ['low', 'medium', 'high'] as const
export type Tier = (typeof tiers)[number]

export const agentStatuses = ['provisioning', 'active', 'suspended', 'retired'] as const
export type AgentStatus = (typeof agentStatuses)[number]

export const environments = ['development', 'staging', 'production'] as const
export type Environment = (typeof environments)[number]

export const sensitivities = ['public', 'internal', 'confidential', 'restricted'] as const
export type Sensitivity = (typeof sensitivities)[number]

/** What kind of data is behind a server; it may be several. Said by the platform, not by the server. */
export const dataClasses = ['personal', 'financial', 'health', 'source_code', 'credentials'] as const
export type DataClass = (typeof dataClasses)[number]

/** In rising order: a grant of a class implies the classes before it. */
export const toolClasses = ['read', 'write', 'destructive'] as const
export type ToolClass = (typeof toolClasses)[number]

export const toolStates = ['approved', 'quarantined', 'removed'] as const
export type ToolState = (typeof toolStates)[number]

/** What a server can ask an agent for: its model, its user, its folders. Only a grant that names one lets it be asked. */
export const askMethods = ['sampling/createMessage', 'elicitation/create', 'roots/list'] as const

/** Tasks: that a server may go on with a call in the background, and that its result is fetched later. */
export const tasksMethod = 'tasks'

/** What only a grant that names it allows; one of the whole server does not. */
export const namedMethods = [...askMethods, tasksMethod] as const

/** In the place of a tool before the name of a method: no tool's name holds a colon. */
export const methodPrefix = 'method:'

/** One line a person typed: no control characters, and no bidirectional overrides, which can make a name read as another. */
export function oneLine(lengthMax: number) {
  return z
    .string()
    .trim()
    .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u, 'Use one line without control characters.')
    .max(lengthMax, `Use at most ${lengthMax} characters.`)
}

/** Text of several lines: what PostgreSQL and YAML can hold and give back unchanged. */
export function manyLines(lengthMax: number) {
  return z
    .string()
    .regex(/^(?:[^\p{Cc}\p{Cs}]|[\n\t])*$/u, 'Use text without control characters.')
    .max(lengthMax, `Use at most ${lengthMax} characters.`)
}
