import { type Command, InvalidArgumentError, type Option } from 'commander'
import { UsageError } from '../errors.ts'

/** A whole number above 0 that is to be a limit; `default`: null, no own one. Anything else is a usage error, so that no slip of the hand lifts a limit. */
export function ownLimit(name: string, text: string): number | null {
  if (text === 'default') return null
  const number = /^\d+$/.test(text) ? Number(text) : 0
  if (number > 0 && Number.isSafeInteger(number)) return number
  throw new UsageError(`${name} ${JSON.stringify(text)}: write a whole number from 1 on, or default.`)
}

/** Those of the limits that are given as options, by their names. */
export function ownLimits<Name extends string>(
  names: readonly Name[],
  options: Readonly<Partial<Record<Name, string>>>,
): Partial<Record<Name, number | null>> {
  const given = names.flatMap((name) => {
    const text = options[name]
    return text === undefined ? [] : [[name, ownLimit(optionOf(name), text)] as const]
  })
  return Object.fromEntries(given) as Partial<Record<Name, number | null>>
}

function optionOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** What stands in the help for a whole number: `--limit <rows>`. `<n>` takes `default`, too. */
const wholeNumbers: ReadonlySet<string> = new Set([
  'rows',
  'number',
  'days',
  'hours',
  'minutes',
  'seconds',
  'events',
  'percent',
  'position',
  'calls',
  '0-23',
  '1-7',
])

/** Whether a verb reads the value of an option as a whole number. */
export function takesWholeNumber({ flags }: Option): boolean {
  return wholeNumbers.has(/<([^>]*)>/.exec(flags)?.[1] ?? '')
}

/** Has every value of a verb, or those that every verb takes, looked at before it runs: a number is digits, and a name is not left empty, which would ask for everything. */
export function checkValues(command: Command): void {
  for (const option of command.options) {
    if (option.parseArg || option.argChoices || !option.flags.includes('<')) continue
    if (takesWholeNumber(option)) option.argParser(wholeNumber)
    else if (!option.variadic && !/<(?:text|query|reason|why)>/.test(option.flags)) option.argParser(notEmpty)
  }
  for (const argument of command.registeredArguments) {
    if (!argument.parseArg && argument.name() === 'number') argument.argParser(wholeNumber)
  }
}

/** The text as it was given: the verb makes a number of it, or sends it. */
function wholeNumber(text: string): string {
  if (/^\d{1,10}$/.test(text)) return text
  throw new InvalidArgumentError('Write a whole number in digits, such as 50.')
}

function notEmpty(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('Give it a value, or leave it out.')
}
