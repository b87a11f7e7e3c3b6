'use client'

import { Check, Copy } from 'lucide-react'
import { useState } from 'react'
import { Button, type ButtonProps } from './button.tsx'
import { toast } from './toast.client.ts'

/** Copies a text. With children it is a labelled button, without it an icon whose name says what it copies. */
export function CopyButton({ text, what, children, ...props }: { text: string; what: string } & ButtonProps) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
      setTimeout(() => setCopied(false), 1500)
    } catch {
      toast.error('The browser did not allow copying.')
    }
  }
  const Icon = copied ? Check : Copy
  return (
    <Button
      variant="ghost"
      size={children ? 'sm' : 'icon-sm'}
      aria-label={children ? undefined : `Copy ${what}`}
      onClick={() => void copy()}
      {...props}
    >
      <Icon aria-hidden />
      {children}
      <span className="sr-only" role="status">
        {copied ? 'Copied' : ''}
      </span>
    </Button>
  )
}
