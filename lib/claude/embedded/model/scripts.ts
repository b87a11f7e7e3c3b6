import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { templateOfSystem } from '#lib/templates/rules.ts'
import type { SimulatedTurn, Simulation, SimulationConversation } from '#lib/templates/schema.ts'
import type { Log } from '#lib/log/log.ts'

/** The script for a conversation, chosen by what its system prompt says about its template. */
export type ScriptOf = (system: string) => Simulation

const templatesFolder = join(import.meta.dirname, '../../../../templates')

/** Every golden template brings its own script; one that does not load is left out and said in the log. */
export async function loadScripts(log: Log, folder = templatesFolder): Promise<ScriptOf> {
  const scripts = new Map<string, Simulation>()
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    try {
      const url = pathToFileURL(join(folder, entry.name, 'simulation.ts')).href
      const { simulation } = (await import(url)) as { simulation: Simulation }
      scripts.set(entry.name, simulation)
    } catch (error) {
      log.warn({ err: error, template: entry.name }, 'the template has no script that loads')
    }
  }
  log.info({ templates: [...scripts.keys()] }, 'scripts loaded')
  return (system) => scripts.get(templateOfSystem(system)?.id ?? '') ?? fallback
}

/** For agents without a template: it says what it could use and repeats what it was asked. It calls nothing. */
export const fallback: Simulation = {
  next(conversation): SimulatedTurn {
    const names = conversation.tools.map((tool) => tool.name)
    const tools = names.length > 0 ? `I could use: ${names.join(', ')}.` : 'I have no tools.'
    const asked = lastText(conversation).slice(0, 500)
    return { text: `This is a simulated model without a script for this agent. ${tools} I was asked: ${asked}` }
  },
}

function lastText({ messages }: SimulationConversation): string {
  const content = messages.findLast((message) => message.role === 'user')?.content ?? ''
  if (typeof content === 'string') return content
  return content.flatMap((block) => ('text' in block ? [block.text] : [])).join('\n')
}
