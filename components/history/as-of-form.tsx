import { Button } from '#components/ui/button.tsx'
import { Input } from '#components/ui/input.tsx'

/** Asks a page for an instant, as a plain GET form; what else its address says goes along. */
export function AsOfForm({
  action,
  asOf,
  hidden,
}: {
  action: string
  asOf?: string | undefined
  hidden?: Record<string, string | number | undefined>
}) {
  return (
    <form action={action} method="get" aria-label="As of an instant" className="flex flex-wrap items-center gap-2">
      {Object.entries(hidden ?? {}).map(
        ([name, value]) => value !== undefined && <input key={name} type="hidden" name={name} value={value} />,
      )}
      <label className="flex items-center gap-2 text-[13px] text-muted-foreground">
        As of (UTC)
        <Input name="asOf" defaultValue={asOf} placeholder={instantExample} required className="h-8 w-52" />
      </label>
      <Button type="submit" size="sm">
        Show
      </Button>
    </form>
  )
}

export const instantExample = '2026-11-25T10:00:00Z'
