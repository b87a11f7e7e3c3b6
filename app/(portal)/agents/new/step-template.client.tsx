'use client'

import { Badge } from '#components/ui/badge.tsx'
import { cn } from '#components/ui/cn.ts'
import { plural } from '#components/ui/count.ts'
import { ScopeBadge } from '#components/ui/status.tsx'
import type { TemplateManifest } from '#lib/templates/schema.ts'
import type { StepProps } from './wizard.client.tsx'

/** One radio group of cards: what each template does, what it reaches, who runs it already. */
export function TemplateStep({ choices, draft, pick }: StepProps & { pick: (manifest: TemplateManifest) => void }) {
  return (
    <fieldset>
      <legend className="mb-3 text-sm text-muted-foreground">
        Vetted by the platform team: prompt, sandbox profile, scoping policy and example evals. You add your own layer;
        you never copy.
      </legend>
      <div className="grid gap-3 md:grid-cols-2 2xl:grid-cols-3">
        {choices.templates.map(({ manifest, agents }) => (
          <label
            key={manifest.id}
            className={cn(
              'flex cursor-pointer gap-3 rounded-lg border bg-raised p-4 hover:border-accent has-focus-visible:outline-2 has-focus-visible:outline-ring',
              draft.templateId === manifest.id && 'border-accent bg-accent-soft',
            )}
          >
            <input
              type="radio"
              name="template"
              className="mt-1 accent-accent"
              aria-label={manifest.name}
              checked={draft.templateId === manifest.id}
              onChange={() => pick(manifest)}
            />
            <span className="min-w-0 space-y-2">
              <span className="flex flex-wrap items-center gap-2">
                <span className="font-medium">{manifest.name}</span>
                <Badge tone="outline">{manifest.version}</Badge>
              </span>
              <span className="block text-sm">{manifest.summary}</span>
              <span className="flex flex-wrap gap-1.5">
                {manifest.scopes.map((scope) => (
                  <ScopeBadge key={`${scope.server}:${scope.class}`} serverId={scope.server} toolClass={scope.class} />
                ))}
              </span>
              <span className="block text-[13px] text-muted-foreground">
                {manifest.model.id} · run by {plural(agents, 'agent')}
              </span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
