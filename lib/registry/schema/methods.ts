// Without zod: every page loads it.

/** What a server can ask an agent for: its model, its user, its folders. Only a grant that names one lets it be asked. */
export const askMethods = ['sampling/createMessage', 'elicitation/create', 'roots/list'] as const

/** Tasks: that a server may go on with a call in the background, and that its result is fetched later. */
export const tasksMethod = 'tasks'

/** What only a grant that names it allows; one of the whole server does not. */
export const namedMethods = [...askMethods, tasksMethod] as const

/** In the place of a tool before the name of a method: no tool's name holds a colon. */
export const methodPrefix = 'method:'
