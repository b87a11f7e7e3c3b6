import { commonPrefix, mayClimb, profiledPathsMax, profiledValuesMax } from '#lib/registry/rules/argument-profile.ts'
import { stepsOf, valuesAt } from '#lib/registry/rules/conditions.ts'
import type { ArgumentObservation, ObservedArgument } from '#lib/registry/schema/argument-profile.ts'
import type { ConditionValue } from '#lib/registry/schema/conditions.ts'
import { hasSecret, isRandom, isSecretName } from './secrets.ts'

// What is kept of a call's arguments so that conditions can be proposed later. Nothing that looks like a secret, a person or a text somebody wrote is kept, nor any
// digits that look like an account: of these it is only kept that something was there.

const depthMax = 5
/** Longer arrays are not looked into: that would take as long as they are. */
const itemsMax = 100
/** The most members that are looked at to find pointers, and the most distinct values of one: a call must not pay for what it carries. */
const membersMax = 1000
const distinctMax = 100
/** Of arguments with more values than this nothing is kept: values are looked up by each pointer anew. */
const valuesMax = 5000
/** More than this of a text is not searched for secrets: what may be kept of it ends long before. */
const searchedMax = 1024
/** Characters of JSON that are kept of all values together. */
const roomMax = 4000
const textMax = 64
const digitsMax = 8
const numberMax = 10 ** digitsMax

/** Whether there is little enough of them to look at, which itself is told in little time. */
export function isObservable(given: unknown): boolean {
  const rest = [given]
  let seen = 0
  while (rest.length > 0) {
    const value = rest.pop()
    if (typeof value !== 'object' || value === null) continue
    const members: unknown[] = Array.isArray(value) ? value : Object.values(value)
    seen += members.length
    if (seen > valuesMax) return false
    rest.push(...members)
  }
  return true
}

/** What a call's arguments were like, by pointer. Bounded in time and in size, whatever they are. */
export function observeArguments(given: unknown): ArgumentObservation {
  const observation: ArgumentObservation = {}
  let room = roomMax
  for (const [pointer, value] of pointersIn(given)) {
    const values = value === undefined ? valuesAt(given, stepsOf(pointer)) : [value]
    // What is missing somewhere, or is no single value everywhere, no condition holds for.
    if (values.length === 0 || !values.every(isScalar)) continue
    const kept = observed([...new Set(values)])
    const size = JSON.stringify(kept).length
    observation[pointer] = size <= room ? kept : {}
    if (size <= room) room -= size
  }
  return observation
}

/** With the one value where there is no more: below an array there may be. */
function pointersIn(given: unknown): Map<string, unknown> {
  const found = new Map<string, unknown>()
  let looked = 0
  const look = (value: unknown, pointer: string, depth: number, single = true): void => {
    if (found.size >= profiledPathsMax || looked >= membersMax) return
    if (Array.isArray(value)) {
      if (depth < depthMax && value.length <= itemsMax)
        for (const item of value) look(item, `${pointer}/*`, depth + 1, false)
    } else if (typeof value === 'object' && value !== null) {
      if (depth >= depthMax) return
      for (const [name, member] of Object.entries(value)) {
        looked += 1
        if (looked >= membersMax) return
        if (isPlainName(name)) look(member, `${pointer}/${name}`, depth + 1, single)
      }
    } else if (pointer !== '' && pointer.length <= 200) found.set(pointer, single ? value : undefined)
  }
  look(given, '', 0)
  return found
}

/** Names of arguments are few and come again with every call. */
const plainNames = new Map<string, boolean>()
const plainNamesMax = 2000

/** A name that says what the value is, and is no value itself, as in a map from customers to amounts; and none of what is not kept. */
function isPlainName(name: string): boolean {
  let isPlain = plainNames.get(name)
  if (isPlain !== undefined) return isPlain
  isPlain = looksPlain(name)
  if (name.length > 40) return isPlain
  if (plainNames.size >= plainNamesMax) plainNames.clear()
  plainNames.set(name, isPlain)
  return isPlain
}

function looksPlain(name: string): boolean {
  return /^[A-Za-z_][\w.-]{0,39}$/.test(name) && !isRandom(name) && !isSecretName(name) && !isPrivateName(name)
}

const privateNames =
  /^(?:(?:first|last|full|given|family|sur|maiden|customer|patient|contact)_?name|pin|otp|cvv|cvc|ssn|iban|auth|auth_?header|authorization|cookie|name|user|user_?name|login|code|(?:mfa|access|security|verification|auth|reset)_?code|to|connection(?:_?string)?|e?mail|e_?mail_?address|phone(?:_?number)?|mobile|address|street|birth_?(?:day|date)|dob)$/

function isPrivateName(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[.-]/g, '_')
  return (
    privateNames.test(words) ||
    words
      .split('_')
      .some((word) =>
        /^(?:pin|otp|cvv|cvc|ssn|iban|email|phone|pwd|pw|pass|passcode|passphrase|bearer|session|salary|diagnosis|recipient|patient)$/.test(
          word,
        ),
      )
  )
}

function observed(values: readonly ConditionValue[]): ObservedArgument {
  const kept: ObservedArgument = {}
  if (values.length > distinctMax) return kept
  // What kept values begin with they say themselves.
  if (values.length <= profiledValuesMax && values.every(isKept)) return { values: [...values] }
  const prefixes = values.map((value) => (typeof value === 'string' ? prefixOf(value) : null))
  if (prefixes.every((each) => each !== null)) kept.prefix = prefixes.reduce(commonPrefix)
  return kept
}

/** What may be kept of how a text begins; null: nothing. A text with `..` in it leads elsewhere than it begins (conditions refuse it). */
function prefixOf(text: string): string | null {
  if (mayClimb(text)) return null
  if (isKept(text)) return text
  if (hasSecret(text.slice(0, searchedMax))) return null
  const end = text.slice(0, textMax).lastIndexOf('/')
  const begins = text.slice(0, end + 1)
  return begins !== '' && isKept(begins) ? begins : null
}

function isKept(value: ConditionValue): boolean {
  if (typeof value === 'number') return Math.abs(value) <= numberMax
  return typeof value !== 'string' || isKeptText(value)
}

function isKeptText(text: string): boolean {
  if (text.length > textMax || /[\p{Cc}\p{Cs}\p{Bidi_Control}@]/u.test(text)) return false
  if (/^(?:basic|bearer|digest|negotiate)\s/i.test(text)) return false
  // Words somebody wrote; days and times, which move on.
  if (text.split(/\s+/).length > 3 || /\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}/.test(text)) return false
  if ((text.match(/\d/g)?.length ?? 0) > digitsMax) return false
  return !hasSecret(text) && !isRandom(text) && !text.split(/[\s/:?&=]+/).some((part) => isRandom(part))
}

function isScalar(value: unknown): value is ConditionValue {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
