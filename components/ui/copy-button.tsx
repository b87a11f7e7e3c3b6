'use client'
import { Check, Copy } from 'lucide-react'
import { useState } from 'react'

/** Copies a text and says so. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false)
  async function copy() {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 1500)
  }
  const Icon = copied ? Check : Copy
  return (
    <button
      type="button"
      onClick={() => void copy()}
      aria-label={copied ? 'Copied' : label}
      title={label}
      className="inline-flex size-6 items-center justify-center rounded-sm text-muted-foreground hover:bg-raised hover:text-foreground"
    >
      <Icon aria-hidden className="size-3.5" />
    </button>
  )
}
