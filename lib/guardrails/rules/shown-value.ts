import { hasSecret, isSecretName } from './secrets.ts'

const charactersMax = 100

/** An argument as it may be said back in a refusal: short, and not at all when it or its name looks like a secret. */
export function shownValue(value: unknown, pointer: string): string {
  const name = pointer.slice(pointer.lastIndexOf('/') + 1)
  const text = JSON.stringify(value) ?? 'nothing'
  if (isSecretName(name) || hasSecret(text)) return 'something that looks secret (not shown)'
  return text.length > charactersMax ? `${text.slice(0, charactersMax).toWellFormed()}…` : text
}
