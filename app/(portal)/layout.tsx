import Link from 'next/link'
import { type ReactNode, Suspense } from 'react'
import { BypassBanner } from '#components/approvals/bypass-banner.client.tsx'
import { BreakGlassBanner } from '#components/break-glass/break-glass-banner.client.tsx'
import { LogOnlyBadge } from '#components/guardrails/log-only-badge.tsx'
import { CentralRuleTitlesProvider } from '#components/rules/central-rule-titles.client.tsx'
import { InboxBell } from '#components/inbox/inbox-bell.client.tsx'
import { CommandPalette } from '#components/shell/command-palette.client.tsx'
import { Logo } from '#components/shell/logo.tsx'
import { MobileNav } from '#components/shell/mobile-nav.client.tsx'
import { NavLinks } from '#components/shell/nav-links.client.tsx'
import { NavigationProgress } from '#components/shell/navigation-progress.client.tsx'
import { SourceBadges } from '#components/shell/source-badges.tsx'
import { ThemeMenu } from '#components/shell/theme-menu.client.tsx'
import { UserMenu } from '#components/shell/user-menu.client.tsx'
import { IncidentBanner } from '#components/stops/incident-banner.client.tsx'
import { StopDialogProvider } from '#components/stops/stop-dialog.client.tsx'
import { StopButton } from '#components/stops/stop-button.client.tsx'
import { listHoldBypasses } from '#lib/guardrails/queries/hold-bypasses.ts'
import { centralRuleTitles, policySetsInUse } from '#lib/guardrails/queries.ts'
import { openStops } from '#lib/killswitch/queries.ts'
import { listInbox } from '#lib/notifications/queries.ts'
import { listBreakGlass } from '#lib/scopes/queries.ts'
import { can } from '#lib/auth/ctx.ts'
import { isRole, roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { currentCtx, type PageCtx } from '#lib/web/ctx.ts'
import { portal } from '#lib/web/db.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { orderStop, signOut } from './actions.ts'
import { endBypass } from './approvals/actions.ts'

export default async function PortalLayout({ children }: { children: ReactNode }) {
  const ctx = await currentCtx()
  const { config } = portal()
  const stopWhyNot = can(ctx.actor, 'stops:order')
    ? null
    : `Ordering a stop needs the role ${rolesWith('stops:order').map(roleLabel).join(', ')}.`
  const [policySets, stops, bypasses, breakGlass, inbox, ruleTitles] = await Promise.all([
    orNull(ctx, policySetsInUse(ctx)),
    orNull(ctx, openStops(ctx)),
    orNull(ctx, listHoldBypasses(ctx, {}, { counted: false })),
    orNull(ctx, listBreakGlass(ctx, { state: 'in_force', limit: 20 })),
    can(ctx.actor, 'inbox:own') ? orNull(ctx, listInbox(ctx, { limit: 6 })) : null,
    orNull(ctx, centralRuleTitles(ctx)),
  ])
  return (
    <StopDialogProvider order={orderStop} whyNot={stopWhyNot}>
      <Suspense>
        <NavigationProgress />
      </Suspense>
      <a href="#content" className="sr-only z-50 rounded-md bg-raised p-2 focus:not-sr-only focus:absolute">
        Skip to content
      </a>
      <div className="lg:grid lg:grid-cols-[14rem_minmax(0,1fr)]">
        <aside className="sticky top-0 hidden h-dvh overflow-y-auto border-r bg-surface p-3 lg:block">
          <Link href={paths.home()} className="mb-5 flex h-9 items-center rounded-md px-2.5">
            <Logo />
          </Link>
          <NavLinks />
        </aside>
        <div className="min-w-0">
          <IncidentBanner initial={stops} />
          <BypassBanner initial={bypasses} end={endBypass} whyNot={whyNot(ctx.actor, 'holds:bypass')} />
          <BreakGlassBanner initial={breakGlass} />
          <header className="sticky top-0 z-30 flex h-14 items-center gap-1 border-b bg-background px-2 sm:gap-2 sm:px-5">
            <MobileNav />
            <CommandPalette canStop={stopWhyNot === null} />
            <div className="ml-auto flex items-center gap-0.5 sm:gap-1.5">
              {policySets?.logOnly && <LogOnlyBadge number={policySets.logOnly} />}
              <SourceBadges simulatedModel={config.claude.simulatedModel} demo={config.demo} />
              {can(ctx.actor, 'inbox:own') && <InboxBell initial={inbox} />}
              <ThemeMenu />
              <UserMenu user={userFacts(ctx)} signOut={signOut} />
              <StopButton whyNot={stopWhyNot} />
            </div>
          </header>
          <main id="content" tabIndex={-1} className="mx-auto w-full max-w-[100rem] px-3 py-5 outline-none sm:px-5">
            <CentralRuleTitlesProvider titles={ruleTitles ?? {}}>{children}</CentralRuleTitlesProvider>
          </main>
        </div>
      </div>
    </StopDialogProvider>
  )
}

// The page is shown even when this cannot be read; a banner then says so where it must, and keeps asking.
async function orNull<T>(ctx: PageCtx, reading: Promise<T>): Promise<T | null> {
  try {
    return await reading
  } catch (error) {
    portal().log.error({ requestId: ctx.requestId, err: error }, 'what a banner shows could not be read')
    return null
  }
}

function userFacts({ actor }: PageCtx) {
  return {
    name: actor.name,
    email: actor.email,
    roles: actor.roles.filter(isRole).map(roleLabel),
    teams: actor.teamIds,
  }
}
