// The words of the registry, and text that people type.
import { z } from 'zod'

export { askMethods, methodPrefix, namedMethods, tasksMethod } from './methods.ts'

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
