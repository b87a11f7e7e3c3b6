import { askMethods, methodPrefix, namedMethods, tasksMethod } from './methods.ts'

/**
 * What is granted besides tools, as MCP calls it: what a server may ask an agent for, and what it offers that is no tool. All of it has class
 * read, for nothing is changed at the server.
 */
export type Capability = {
  /** What a grant names, after `method:`. */
  name: CapabilityName
  title: string
  /** What happens, in a sentence. */
  says: string
  risk: 'low' | 'medium' | 'high'
  /** What can go wrong, in a sentence. */
  riskSays: string
  /** `server`: a grant of the whole server covers it as well; `name`: only a grant that names it. */
  grantedBy: 'server' | 'name'
  /** The methods that it stands for, as they are decided about. */
  methods: readonly string[]
}

export const capabilityNames = [
  ...askMethods,
  tasksMethod,
  'resources',
  'prompts',
  'completion/complete',
  'logging/setLevel',
] as const
export type CapabilityName = (typeof capabilityNames)[number]

type Words = Pick<Capability, 'title' | 'says' | 'risk' | 'riskSays'> & { methods?: readonly string[] }

const words: Record<CapabilityName, Words> = {
  'sampling/createMessage': {
    title: 'Ask its model',
    says: 'In the middle of a call the server may have the agent’s model answer a prompt that the server wrote.',
    risk: 'high',
    riskSays: 'The model reads words of the server, and its answer, which may hold what the agent knows, goes there.',
  },
  'elicitation/create': {
    title: 'Ask its user',
    says: 'In the middle of a call the server may ask whoever uses the agent for data, or send them to a page.',
    risk: 'high',
    riskSays: 'Whoever answers may tell the server what it should not know, or open a page it chose.',
  },
  'roots/list': {
    title: 'See its folders',
    says: 'The server may list which folders the agent works in.',
    risk: 'medium',
    riskSays: 'Names of folders are told to the server.',
  },
  tasks: {
    title: 'Go on in the background',
    says: 'The server may go on with a call as a task; the agent fetches the result later.',
    risk: 'medium',
    riskSays: 'Work goes on at the server after the call has ended, and a stop has to reach it there.',
  },
  resources: {
    title: 'Resources',
    says: 'The agent may list, read and watch the documents that the server offers.',
    risk: 'medium',
    riskSays: 'Whatever the server offers as a document can be read, one as well as the other.',
    methods: [
      'resources/list',
      'resources/templates/list',
      'resources/read',
      'resources/subscribe',
      'resources/unsubscribe',
    ],
  },
  prompts: {
    title: 'Prompts',
    says: 'The agent may list and take the prompts that the server offers.',
    risk: 'medium',
    riskSays: 'A prompt is instructions that the server wrote.',
    methods: ['prompts/list', 'prompts/get'],
  },
  'completion/complete': {
    title: 'Completion',
    says: 'The agent may have the server complete arguments of prompts and addresses of resources.',
    risk: 'low',
    riskSays: 'Suggestions may name data that cannot be read otherwise.',
  },
  'logging/setLevel': {
    title: 'Log level',
    says: 'The agent is told of the server’s log, and may say how much.',
    risk: 'low',
    riskSays: 'A talkative server says more of itself.',
  },
}

const named: readonly string[] = namedMethods

export const capabilities: readonly Capability[] = capabilityNames.map((name) => ({
  name,
  grantedBy: named.includes(name) ? 'name' : 'server',
  methods: [name],
  ...words[name],
}))

const byMethod = new Map(capabilities.flatMap((one) => [one.name, ...one.methods].map((method) => [method, one])))

/** What a grant that names it means; undefined for the name of a tool and for a method that is not granted by itself. */
export function capabilityOf(toolName: string | null): Capability | undefined {
  if (!toolName?.startsWith(methodPrefix)) return undefined
  const name = toolName.slice(methodPrefix.length)
  return capabilities.find((one) => one.name === name)
}

/** Whether a grant names what is no tool. */
export function isBesidesTools(toolName: string | null): boolean {
  return toolName?.startsWith(methodPrefix) === true
}

/** What a method belongs to. */
export function capabilityWith(method: string): Capability | undefined {
  return byMethod.get(method)
}

/** What a grant names it by. */
export function grantName({ name }: Pick<Capability, 'name'>): string {
  return methodPrefix + name
}

/** What a scope is called where its server stands beside it: the class, one tool, or what is granted besides tools. */
export function scopeTitle({ class: toolClass, toolName }: { class: string; toolName: string | null }): string {
  return capabilityOf(toolName)?.title ?? toolName ?? toolClass
}

/** The same of what names several: so many of them, and how many others. */
export function scopesTitle(
  { class: toolClass, toolNames }: { class: string; toolNames: readonly string[] },
  shown = 3,
): string {
  if (toolNames.length === 0) return toolClass
  const titles = toolNames.slice(0, shown).map((toolName) => scopeTitle({ class: toolClass, toolName }))
  const others = toolNames.length - titles.length
  return `${titles.join(', ')}${others > 0 ? ` and ${others} more` : ''}`
}
