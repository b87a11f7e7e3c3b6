import { Badge, type Tone } from '#components/ui/badge.tsx'

const tones: Record<string, Tone> = { GET: 'neutral', POST: 'ok', PUT: 'accent', PATCH: 'accent', DELETE: 'danger' }

/** The method of an endpoint, in places of one width. */
export function Method({ name }: { name: string }) {
  return (
    <Badge tone={tones[name] ?? 'neutral'} className="min-w-14 justify-center font-mono">
      {name}
    </Badge>
  )
}
