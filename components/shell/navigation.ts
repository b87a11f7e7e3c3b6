import {
  BellRing,
  BookMarked,
  Bot,
  ChartColumn,
  ClipboardCheck,
  CodeXml,
  FileClock,
  FlaskConical,
  Hand,
  House,
  Inbox,
  KeyRound,
  KeySquare,
  type LucideIcon,
  Megaphone,
  OctagonX,
  Plug,
  PlaneTakeoff,
  PlayCircle,
  ScrollText,
  Server,
  ShieldQuestion,
  Users,
  Webhook,
} from 'lucide-react'
import { paths } from '#lib/core/paths.ts'

export type NavItem = { href: string; label: string; icon: LucideIcon; keywords?: string; badge?: 'waiting' }
export type NavGroup = { label: string | null; items: readonly NavItem[] }

/** The left navigation and the command palette. Only pages that exist are listed. */
export const navigation: readonly NavGroup[] = [
  {
    label: null,
    items: [
      { href: paths.home(), label: 'Home', icon: House },
      { href: paths.inbox(), label: 'Inbox', icon: Inbox, keywords: 'notifications unread bell' },
    ],
  },
  {
    label: 'Agents',
    items: [
      { href: paths.agents(), label: 'Catalog', icon: Bot, keywords: 'agents registry' },
      { href: paths.templates(), label: 'Templates', icon: BookMarked, keywords: 'golden prompts' },
      { href: paths.runs(), label: 'Runs', icon: PlayCircle },
      {
        href: paths.approvals(),
        label: 'Approvals',
        icon: Hand,
        keywords: 'held calls waiting rules',
        badge: 'waiting',
      },
      { href: paths.escalations(), label: 'Escalations', icon: Megaphone, keywords: 'refusals findings waiting' },
    ],
  },
  {
    label: 'Oversight',
    items: [
      { href: paths.fleet(), label: 'Fleet', icon: ChartColumn, keywords: 'metrics cost escalation retirement' },
      { href: paths.requests(), label: 'Scope requests', icon: ShieldQuestion, keywords: 'approvals' },
      {
        href: paths.guardrails(),
        label: 'Guardrails',
        icon: ScrollText,
        keywords: 'policies cedar rules central replay',
      },
      { href: paths.reviews(), label: 'Scope reviews', icon: ClipboardCheck, keywords: 'campaigns certify unused' },
      { href: paths.servers(), label: 'MCP servers', icon: Server, keywords: 'tools' },
      { href: paths.simulate(), label: 'Simulate', icon: FlaskConical, keywords: 'what would be decided explain' },
      { href: paths.audit(), label: 'Audit log', icon: FileClock },
      { href: paths.kill(), label: 'Kill switch', icon: OctagonX, keywords: 'stop resume incident' },
    ],
  },
  {
    label: 'Settings',
    items: [
      { href: paths.people(), label: 'People', icon: Users, keywords: 'leave deactivate accountable orphaned' },
      { href: paths.tokens(), label: 'Access tokens', icon: KeyRound, keywords: 'api cli' },
      {
        href: paths.apiReference(),
        label: 'API reference',
        icon: CodeXml,
        keywords: 'rest openapi curl documentation',
      },
      { href: paths.apps(), label: 'Connected apps', icon: Plug, keywords: 'claude mcp oauth connector' },
      {
        href: paths.delegation(),
        label: 'While I am away',
        icon: PlaneTakeoff,
        keywords: 'delegation delegate stand in leave',
      },
      {
        href: paths.notificationSettings(),
        label: 'Notifications',
        icon: BellRing,
        keywords: 'mail slack digest channels',
      },
      { href: paths.signingKeys(), label: 'Signing keys', icon: KeySquare, keywords: 'jwks rotate token kid' },
      { href: paths.webhooks(), label: 'Webhooks', icon: Webhook, keywords: 'events' },
    ],
  },
]
