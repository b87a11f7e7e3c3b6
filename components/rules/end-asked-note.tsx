import { Time } from '#components/ui/time.client.tsx'

export type EndAsked = { by: { id: string; name: string }; at: string; reason: string } | null

/** Who has asked for the end of a rule, and why. */
export function EndAskedNote({ endAsked }: { endAsked: EndAsked }) {
  if (!endAsked) return null
  return (
    <span className="block text-[13px] break-words text-muted-foreground">
      {endAsked.by.name} asked for its end <Time value={endAsked.at} />: {endAsked.reason}
    </span>
  )
}
