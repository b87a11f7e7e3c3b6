/** The words of a refusal or failure for a person: its own message, else its reason in plain words; always with the request's id when there is one. */
export function refusalText(error: unknown): string {
  const { message, reason, rule, requestId, code, orderedBy } = (
    typeof error === 'object' && error !== null ? error : {}
  ) as Record<string, unknown>
  const text = [
    message,
    reason === 'already_stopped' && `${String(orderedBy)} has stopped this already.`,
    reason,
    rule,
  ].find((candidate): candidate is string => typeof candidate === 'string' && candidate !== '')
  const words = text === reason || text === rule ? `Refused: ${text?.replaceAll('_', ' ')}.` : text
  return code === 'internal' ? `${words} Request ${String(requestId)}.` : (words ?? 'It was refused.')
}
