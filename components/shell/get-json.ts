/** Reads one of the portal's own JSON routes; a refusal throws with the words the server gave. */
export async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(url, { signal: signal ?? null, headers: { accept: 'application/json' } })
  if (response.ok) return (await response.json()) as T
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; requestId?: string }
  throw new Error(problem.detail ?? `The portal answered ${response.status}.`)
}
