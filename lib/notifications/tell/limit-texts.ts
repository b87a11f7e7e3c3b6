export function callRate(callsPerSecond: number | null): string {
  if (callsPerSecond === null) return 'The limit on its calls is taken back'
  return `At most ${callsPerSecond} ${callsPerSecond === 1 ? 'call' : 'calls'} a second at all brokers together`
}

const names: Readonly<Record<string, string>> = {
  requestBytesMax: 'bytes of a request',
  requestDepthMax: 'levels in a request',
  callDeadlineSeconds: 'seconds to answer a call',
  resultBytesMax: 'bytes of a result',
  resultDepthMax: 'levels in a result',
}

/** The limits of an agent that changed, as they are now. */
export function ownLimits(after: Readonly<Record<string, number | null>>): string {
  const texts = Object.entries(after).map(([name, limit]) => {
    const of = names[name] ?? name
    return limit === null ? `${of}: as for any agent` : `${of}: ${limit.toLocaleString('en')} at most`
  })
  return `Now ${texts.join('; ')}`
}
