import type { Metadata } from 'next'
import { notFound } from 'next/navigation'

export const metadata: Metadata = { title: 'Not found' }

/** An address that no page has: said within the frame, with the navigation beside it. */
export default function MissingPage() {
  notFound()
}
